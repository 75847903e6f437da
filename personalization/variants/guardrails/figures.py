"""Figures must be the source's: numbers in digits and words, shares, prices and dates, however each is written."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache

from personalization.variants.guardrails.characters import fold
from personalization.variants.guardrails.dates import Dated, Day, find_dates
from personalization.variants.guardrails.number_words import (
    AFTER_DIGITS,
    AMBIGUOUS,
    DOZENS,
    HUNDREDS,
    SCALES,
    SHARES,
    below_hundred,
)
from personalization.variants.guardrails.records import Hit, hit

# Where a comma parts thousands and a point begins the decimals; elsewhere it is the other way round.
POINTED = frozenset(["en", "zh", "ja", "ko", "th", "he", "hi", "ur", "ms"])
DIGITS = re.compile(r"\d{1,3}(?:([.,'’ ])\d{3})(?:\1\d{3})*(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?")
TIME = re.compile(r"(?<![\d:.])([01]?\d|2[0-4])(?::|h|\.(?=\d\d\s?(?:uhr|am|pm|h\b)))([0-5]\d)(?![\d:])")
DECADE = re.compile(r"(?<!\d)(?:(1[5-9]|20)?(\d)0)s(?!\w)")
PERCENT = r"\s?(?:%|‰|percent\b|per cent\b|prozent\b|pour ?cent\b|v\.\s?h\.)"
CURRENCIES = {
    "EUR": r"€|eur\b|euros?\b",
    "USD": r"us\$|\$|usd\b|dollars?\b|bucks?\b",
    "GBP": r"£|gbp\b|pounds? sterling\b|quid\b",
    "CHF": r"chf\b|sfr\.?|franken\b|francs suisses\b",
    "JPY": r"¥|jpy\b|yen\b",
    "INR": r"₹|inr\b|rupees?\b",
    "CENT": r"¢|cents?\b|pence\b|centimes?\b|rappen\b",
    "OTHER": r"₽|₩|₺|₴|฿|zl\b|kr\b|sek\b|nok\b|dkk\b|pln\b|kč|bitcoins?\b|btc\b",
}
CURRENCY = "|".join(CURRENCIES.values())
# The rule that each kind of figure falls under.
MARKS = dict.fromkeys(("percent", "number", "time", "decade", "share"), "numbers") | {"price": "prices"}


@dataclass(frozen=True)
class Amount:
    """A figure: its kind, its value, and its unit if it is a price or a time."""

    kind: str
    value: Decimal
    unit: str = ""


@dataclass(frozen=True)
class Placed:
    """A figure in a text."""

    start: int
    end: int
    amount: Amount


@dataclass(frozen=True)
class Figures:
    """All figures of a text, its dates apart."""

    amounts: tuple[Placed, ...]
    dates: tuple[Dated, ...]

    @property
    def values(self) -> frozenset[Decimal]:
        """The bare numbers, whatever they count, with the days and years of the dates."""
        parts = (part for date in self.dates for day in date.readings for part in (day.year, day.day))
        return frozenset(placed.amount.value for placed in self.amounts) | {Decimal(part) for part in parts if part}


def find_figures(name: str, text: str, source: str, languages: tuple[str, str]) -> Iterator[Hit]:
    """Figures that the source does not state; `languages` are the draft's and the source's.

    Examples
    --------
    >>> [found.excerpt for found in find_figures("summary", "300 films, 5 % off", "We show 300 films.", ("en", "en"))]
    ['5 %']
    """
    own, theirs = figures_of(text, languages[0]), figures_of(source, languages[1])
    folded = fold(text)
    for date in own.dates:
        if not any(_is_stated(day, theirs) for day in date.readings):
            yield hit("dates", name, text, *folded.span(date.start, date.end))
    for placed in own.amounts:
        if not _is_known(placed.amount, theirs):
            rule = MARKS[placed.amount.kind]
            yield hit(rule, name, text, *folded.span(placed.start, placed.end), kind=placed.amount.kind)


@lru_cache(maxsize=64)
def figures_of(text: str, language: str) -> Figures:
    """Every figure of a text in a language."""
    language = language.split("-")[0].lower()
    folded = fold(text).text
    dates = tuple(_apart(sorted(find_dates(folded, language), key=lambda date: (date.start, -date.end))))
    rest = _blanked(folded, ((date.start, date.end) for date in dates))
    return Figures(tuple(_amounts(rest, language)), dates)


def value_of(digits: str, language: str) -> Decimal:
    """The value of a number as a language writes it.

    Examples
    --------
    >>> [str(value_of("1,500", "en")), str(value_of("1.500,25", "de")), str(value_of("1 500", "fr"))]
    ['1500', '1500.25', '1500']
    """
    thousands = "," if language in POINTED else "."
    bare = re.sub(r"[ '’]", "", digits)
    marks = re.findall(r"[.,]", bare)
    if len(set(marks)) == 2:
        bare = bare.replace(marks[0], "").replace(marks[-1], ".")
    elif len(marks) > 1 or (marks and marks[0] == thousands and re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", bare)):
        bare = bare.replace(marks[0], "")
    else:
        bare = bare.replace(",", ".")
    return Decimal(bare)


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text without what has been read already; all else keeps its place."""
    letters = list(text)
    for start, end in spans:
        letters[start:end] = "\n" * (end - start)
    return "".join(letters)


def _apart(dates: list[Dated]) -> Iterator[Dated]:
    end = -1
    for date in dates:
        if date.start >= end:
            end = date.end
            yield date


def _amounts(text: str, language: str) -> Iterator[Placed]:
    rest = text
    for kind, pattern in (("time", TIME), ("decade", DECADE)):
        for match in pattern.finditer(rest):
            yield Placed(match.start(), match.end(), _clock(match) if kind == "time" else _decade(match))
        rest = pattern.sub(lambda match: "\n" * len(match[0]), rest)
    for said, pattern in _share_patterns(language):
        for match in pattern.finditer(rest):
            yield Placed(match.start(), match.end(), Amount("share", _share(said)))
        rest = pattern.sub(lambda match: "\n" * len(match[0]), rest)
    in_digits = list(_in_digits(rest, language))
    letters = _blanked(rest, ((start, end) for start, end, _value in in_digits))
    for start, end, value in (*in_digits, *_in_words(letters, language)):
        yield _with_unit(rest, start, end, value)


def _clock(match: re.Match[str]) -> Amount:
    return Amount("time", Decimal(int(match[1]) * 60 + int(match[2])), "minutes")


def _decade(match: re.Match[str]) -> Amount:
    return Amount("decade", Decimal(int(f"{match[1] or ''}{match[2]}0")))


@cache
def _share_patterns(language: str) -> list[tuple[str, re.Pattern[str]]]:
    """The longest ones first: two thirds are no third."""
    shares = sorted(SHARES.get(language, {}).items(), key=lambda pair: -len(pair[0]))
    return [(said, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)")) for pattern, said in shares]


def _share(said: str) -> Decimal:
    above, _slash, below = said.partition("/")
    return Decimal(above) / Decimal(below or 1)


def _in_digits(text: str, language: str) -> Iterator[tuple[int, int, Decimal]]:
    scales = SCALES.get(language, {})
    scale = re.compile(rf"\s?({'|'.join(sorted(scales, key=len, reverse=True))})\b\.?") if scales else None
    for match in DIGITS.finditer(text):
        value, end = value_of(match[0], language), match.end()
        following = scale.match(text, end) if scale else None
        if following and not (following[1] == "m" and following[0] != "m"):
            value, end = value * scales[following[1]], following.end()
        yield match.start(), end, value


def _in_words(text: str, language: str) -> Iterator[tuple[int, int, Decimal]]:
    pattern = _word_pattern(language)
    if pattern is None:
        return
    words = _word_values(language)
    for match in pattern.finditer(text):
        said = re.sub(r"[\s\-]+", " ", match[0])
        if said not in AMBIGUOUS.get(language, ()):
            tokens = re.findall("|".join(map(re.escape, sorted(words, key=len, reverse=True))), said)
            yield match.start(), match.end(), Decimal(_total([words[token] for token in tokens]))


def _total(values: list[int]) -> int:
    total = current = 0
    for value in values:
        if value >= 1000 and value in (10**3, 10**6, 10**9):
            total, current = total + max(current, 1) * value, 0
        elif value == 100:
            current = max(current, 1) * 100
        else:
            current += value
    return total + current


@cache
def _word_values(language: str) -> dict[str, int]:
    scales = {word: value for word, value in SCALES.get(language, {}).items() if word not in AFTER_DIGITS}
    return below_hundred(language) | HUNDREDS.get(language, {}) | scales | DOZENS.get(language, {})


@cache
def _word_pattern(language: str) -> re.Pattern[str] | None:
    words = _word_values(language)
    if not words:
        return None
    one = "|".join(re.escape(word).replace(r"\ ", r"[\s\-]") for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?<!pour )(?:{one})(?:(?:[\s\-]|\sand\s|\set\s|\sund\s)(?:{one}))*(?!\w)")


def _with_unit(text: str, start: int, end: int, value: Decimal) -> Placed:
    if percent := re.compile(PERCENT).match(text, end):
        return Placed(start, percent.end(), Amount("percent", value))
    after = re.compile(rf"(?:,-|,–)?\s?-?({CURRENCY})").match(text, end)
    if after:
        return Placed(start, after.end(), Amount("price", value, _currency(after[1])))
    before = re.search(rf"({CURRENCY})\s?$", text[:start][-8:])
    if before:
        return Placed(start - len(before[0]), end, Amount("price", value, _currency(before[1])))
    return Placed(start, end, Amount("number", value))


def _currency(text: str) -> str:
    return next(code for code, pattern in CURRENCIES.items() if re.fullmatch(pattern, text))


def _is_known(amount: Amount, source: Figures) -> bool:
    stated = {placed.amount for placed in source.amounts}
    if amount.kind == "number":
        return amount.value in source.values
    if amount.kind == "share":
        return amount in stated or amount.value in source.values or Amount("percent", amount.value * 100) in stated
    if amount.kind == "decade":
        decade = int(amount.value)
        return (
            any(value // 10 * 10 % 100 == decade % 100 and value >= 1000 for value in source.values) or amount in stated
        )
    return amount in stated


def _is_stated(day: Day, source: Figures) -> bool:
    if any(day.agrees(other) for date in source.dates for other in date.readings):
        return True
    if day.year is None or Decimal(day.year) not in source.values or (day.month, day.day) == (None, None):
        return False
    return _is_stated(Day(None, day.month, day.day, day.weekday), source)
