"""Markup and characters that no visitor should meet: what is not plain text is taken out, once and for all."""

import html
import re
import unicodedata
from collections.abc import Iterator

import nh3

from personalization.variants.guardrails.characters import (
    HIDDEN,
    PILED,
    scripts_in,
    words_in,
)
from personalization.variants.guardrails.records import Hit, hit, shortened

# Words are plain text wherever they are shown, so nothing is on the list of allowed tags.
ALLOWED_TAGS: frozenset[str] = frozenset()
MOST_ROUNDS = 10
# What a browser would run or load, however it is escaped.
ACTIVE = re.compile(
    r"<\s*/?\s*(script|iframe|object|embed|svg|math|form|input|button|base|meta|link|style|template|video|audio|img|"
    r"body|html|details|marquee|isindex|noscript|textarea|xss|portal|frame|frameset|applet|import)\b"
    r"|\bon[a-z]{3,20}\s*=|(javascript|vbscript|livescript)\s*:|data\s*:\s*[a-z]+/|\bsrcdoc\s*=|expression\s*\("
    r"|<\s*[!?]|\]\]>|<!\[cdata|\bfromcharcode\b|\bdocument\s*\.\s*(cookie|domain|location|write)|\balert\s*[(`]",
    re.IGNORECASE,
)
# Letters and digits made of signs; ordinals, superscripts and fractions are typography.
TYPOGRAPHY = frozenset("ªº²³¹¼½¾⅓⅔⅛…™℠№ﬁﬂµ℃℉Å½⅕⅖⅗⅘⅙⅚⅐⅑⅒⅜⅝⅞ŀĿŉǆǅǄ")
LATIN = (
    "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it lb lt lv ms mt nb nl nn no pl pt ro sk sl sq sv sw tr vi"
)
LATIN_LANGUAGES = frozenset(LATIN.split())
# Scripts that stand together in one word in Japanese and Korean.
TOGETHER = frozenset({"HIRAGANA", "KATAKANA", "HANGUL", "CJK", "OTHER"})


def plain(text: str) -> str:
    """The text without tags, entities and hidden characters: the same text again for what is clean.

    What stays markup after every round, however it is nested or escaped, loses its angle brackets.

    Examples
    --------
    >>> plain("A <b>bold</b> claim<script>alert(1)</script> &amp; more")
    'A bold claim & more'
    """
    for _round in range(MOST_ROUNDS):
        cleaned = _once(text)
        if cleaned == text:
            return text
        text = cleaned
    return visible(re.sub("[<>&]", "", text))


def visible(text: str) -> str:
    """The text in its composed form, without what hides in it or is piled up on its letters.

    Examples
    --------
    >>> visible("cafe\\u0301 \\u202enoir\\u200b")
    'café noir'
    """
    while (cleaned := unicodedata.normalize("NFC", PILED.sub("", HIDDEN.sub("", text)))) != text:
        text = cleaned
    return text


def tidy(text: str) -> str:
    """The text with lines that end as everywhere, and no space around it: nothing that needs to be told."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return unicodedata.normalize("NFC", lines).strip()


def ordinary(text: str) -> str:
    """The text with fancy letters and digits, such as those of mathematics, as ordinary ones.

    Examples
    --------
    >>> ordinary("\\U0001d405\\U0001d42b\\U0001d41e\\U0001d41e: ½ price, 5 m²")
    'Free: ½ price, 5 m²'
    """
    return "".join(unicodedata.normalize("NFKC", letter) if _is_odd(letter) else letter for letter in text)


def find_active(name: str, text: str) -> Iterator[Hit]:
    """Scripts, handlers and embedded documents, through several layers of escaping."""
    for _round in range(MOST_ROUNDS):
        if found := ACTIVE.search(text):
            yield Hit("active_content", name, shortened(found[0]))
            return
        unescaped = html.unescape(_read_escapes(HIDDEN.sub("", text)))
        if unescaped == text:
            return
        text = unescaped


def find_markup(name: str, text: str) -> Iterator[Hit]:
    """Tags and entities."""
    seen = visible(text)
    if plain(seen) != seen:
        found = re.search(r"<[^>]*>?|&#?\w+;?", seen)
        yield Hit("markup", name, shortened(found[0] if found else seen))


def find_hidden(name: str, text: str) -> Iterator[Hit]:
    """Characters that cannot be seen, named by their code points."""
    found = HIDDEN.findall(text) + PILED.findall(text)
    if found:
        yield Hit("hidden_characters", name, _codes(found), params={"count": sum(map(len, found))})


def find_odd(name: str, text: str) -> Iterator[Hit]:
    """Letters and digits made of signs, which screen readers spell out and word lists overlook."""
    if odd := [letter for letter in text if _is_odd(letter)]:
        yield Hit("odd_characters", name, shortened("".join(odd)), params={"count": len(odd)})


def find_scripts(name: str, text: str, source: str, language: str) -> Iterator[Hit]:
    """Words of mixed scripts, as in a look-alike of a brand, and words in a script that nobody here writes."""
    is_latin = language.split("-")[0].lower() in LATIN_LANGUAGES
    usual = scripts_in(source) | {"LATIN"}
    for word in words_in(text):
        scripts = scripts_in(word[0])
        if len(scripts) > 1 and not scripts <= TOGETHER and word[0] not in source:
            yield hit("mixed_scripts", name, text, word.start(), word.end(), scripts=sorted(scripts))
        elif is_latin and len(word[0]) > 1 and (strange := scripts - usual):
            yield hit("foreign_script", name, text, word.start(), word.end(), scripts=sorted(strange))


def _once(text: str) -> str:
    return html.unescape(nh3.clean(visible(text), tags=set(ALLOWED_TAGS), attributes={}))


def _is_odd(letter: str) -> bool:
    if letter.isascii() or letter in TYPOGRAPHY or unicodedata.category(letter)[0] not in "LNS":
        return False
    usual = unicodedata.normalize("NFKC", letter)
    return usual != letter and usual.isalnum() and unicodedata.normalize("NFC", letter) == letter


def _read_escapes(text: str) -> str:
    """Characters written as in JavaScript, CSS or an address."""
    text = re.sub(r"\\u\{?([0-9a-fA-F]{2,6})\}?|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})", _character, text)
    return text.replace("\t", "").replace("\n", " ")


def _character(match: re.Match[str]) -> str:
    number = int(next(filter(None, match.groups())), 16)
    return chr(number) if 31 < number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def _codes(letters: list[str]) -> str:
    return shortened(" ".join(dict.fromkeys(f"U+{ord(letter):04X}" for run in letters for letter in run)))
