"""Dates in words and figures, as sets of the parts that they state."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

MONTHS = {
    "en": "january february march april may june july august september october november december",
    "fr": "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    "de": "januar februar marz april mai juni juli august september oktober november dezember",
}
SHORT = {
    "en": "jan:1 feb:2 mar:3 apr:4 jun:6 jul:7 aug:8 sep:9 sept:9 oct:10 nov:11 dec:12",
    "fr": "janv:1 fevr:2 avr:4 juil:7 sept:9 oct:10 nov:11 dec:12",
    "de": "jan:1 janner:1 feb:2 feber:2 mrz:3 apr:4 jun:6 jul:7 aug:8 sep:9 sept:9 okt:10 nov:11 dez:12",
}
WEEKDAYS = {
    "en": "monday tuesday wednesday thursday friday saturday sunday",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "de": "montag dienstag mittwoch donnerstag freitag samstag sonntag",
}
# Also verbs, a planet and a god: without a day or a year they are no month.
AMBIGUOUS = frozenset({"may", "march", "mars", "mar", "sept", "dec", "oct", "avr", "jan", "jun", "sep", "nov", "apr"})
ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
FIGURES = re.compile(r"(?<![\d.,/])(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4}|\d{2})?(?![\d])")
YEAR = r"(?:,?\s?(?:of |de )?(\d{4}))"


@dataclass(frozen=True)
class Day:
    """What a date states: any of year, month, day of the month and day of the week (Monday is 1)."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None

    def agrees(self, other: "Day") -> bool:
        """Whether another date states all that this one does, the same.

        Examples
        --------
        >>> Day(month=3, day=15).agrees(Day(2024, 3, 15)), Day(2024, 3, 15).agrees(Day(month=3, day=15))
        (True, False)
        """
        stated = (("year", self.year), ("month", self.month), ("day", self.day), ("weekday", self.weekday))
        return all(value is None or getattr(other, name) == value for name, value in stated)


@dataclass(frozen=True)
class Dated:
    """A date in a text, in each way that it can be read."""

    start: int
    end: int
    readings: tuple[Day, ...]


def find_dates(text: str, language: str) -> Iterator[Dated]:
    """Each date of a folded text, longest first at each place.

    Examples
    --------
    >>> [found.readings for found in find_dates("on 15 march 2024", "en")] == [(Day(2024, 3, 15),)]
    True
    >>> [found.readings for found in find_dates("15.03.2024", "de")] == [(Day(2024, 3, 15),)]
    True
    """
    yield from _iso(text)
    yield from _figures(text, language)
    yield from _worded(text, language)


def _iso(text: str) -> Iterator[Dated]:
    for match in ISO.finditer(text):
        year, month, day = map(int, match.groups())
        if _is_day(month, day):
            yield Dated(match.start(), match.end(), (Day(year, month, day),))


def _figures(text: str, language: str) -> Iterator[Dated]:
    for match in FIGURES.finditer(text):
        first, second = int(match[1]), int(match[3])
        year = int(match[4]) if match[4] else None
        if year is not None and year < 100:
            year += 2000 if year < 70 else 1900
        if year is None and match[2] != ".":
            continue
        orders = [(second, first)] if language != "en" or match[2] == "." else [(first, second), (second, first)]
        readings = tuple(Day(year, month, day) for month, day in orders if _is_day(month, day))
        if readings:
            yield Dated(match.start(), match.end(), readings)


def _worded(text: str, language: str) -> Iterator[Dated]:
    months, weekdays = _names(language)
    if not months:
        return
    name = rf"({'|'.join(sorted(months, key=len, reverse=True))})\b\.?"
    day = r"(\d{1,2})(?:st|nd|rd|th|er|\.)?"
    forms = (
        (rf"(?<![\d.,]){day}\s?(?:of |de )?{name}{YEAR}?", (1, 2, 3)),
        (rf"(?<!\w){name}\s(?:the )?{day}(?![\d%.,]\d|\d)(?:{YEAR})?", (2, 1, 3)),
        (rf"(?<!\w){name}{YEAR}", (None, 1, 2)),
        (rf"(?<!\w){name}(?!\w)", (None, 1, None)),
    )
    taken: list[tuple[int, int]] = []
    for form, (day_at, month_at, year_at) in forms:
        for match in re.finditer(form, text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            if day_at is None and year_at is None and match[1] in AMBIGUOUS:
                continue
            month, number = months[match[month_at]], int(match[day_at]) if day_at else None
            if number is not None and not _is_day(month, number):
                continue
            year = int(match[year_at]) if year_at and match[year_at] else None
            taken.append(match.span())
            yield Dated(match.start(), match.end(), (Day(year, month, number),))
    for match in re.finditer(rf"(?<!\w)({'|'.join(weekdays)})s?(?!\w)", text):
        yield Dated(match.start(), match.end(), (Day(weekday=weekdays[match[1]]),))


@cache
def _names(language: str) -> tuple[dict[str, int], dict[str, int]]:
    if language not in MONTHS:
        return {}, {}
    months = {name: number for number, name in enumerate(MONTHS[language].split(), start=1)}
    weekdays = {name: number for number, name in enumerate(WEEKDAYS[language].split(), start=1)}
    short = (pair.split(":") for pair in SHORT[language].split())
    return months | {name: int(number) for name, number in short}, weekdays


def _is_day(month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= 31
