"""Figures are compared by what they say, not by how they are written."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.variants.guardrails.dates import Day
from personalization.variants.guardrails.figures import figures_of, find_figures, value_of
from personalization.variants.guardrails.number_words import below_hundred
from tests.variants.guardrails.material import found


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("1,200", "en", "1200"),
        ("1200", "en", "1200"),
        ("1 200", "en", "1200"),
        ("1\u202f200", "fr", "1200"),
        ("1.200", "de", "1200"),
        ("1’200", "de", "1200"),
        ("1.2", "de", "1.2"),
        ("1,5", "de", "1.5"),
        ("1.234.567,89", "de", "1234567.89"),
        ("1,234,567.89", "en", "1234567.89"),
        ("3 million", "en", "3000000"),
        ("3 Mio.", "de", "3000000"),
        ("15k", "en", "15000"),
        ("1,5 milliard", "fr", "1500000000"),
        ("two hundred and fifty", "en", "250"),
        ("twenty-five thousand", "en", "25000"),
        ("fünfundzwanzig", "de", "25"),
        ("dreihundert", "de", "300"),
        ("quatre-vingt-dix", "fr", "90"),
        ("trois cent mille", "fr", "300000"),
        ("a dozen", "en", "12"),
        ("７", "en", "7"),
        ("٧", "en", "7"),
    ],
)
def test_numbers(text, language, value):
    assert [one.amount.value for one in figures_of(text, language).amounts] == [Decimal(value)]


@pytest.mark.parametrize(
    ("text", "language", "amount"),
    [
        ("3%", "en", ("percent", "3", "")),
        ("3 %", "de", ("percent", "3", "")),
        ("three percent", "en", ("percent", "3", "")),
        ("35 pour cent", "fr", ("percent", "35", "")),
        ("35 Prozent", "de", ("percent", "35", "")),
        ("€4.50", "en", ("price", "4.50", "EUR")),
        ("4,50 €", "de", ("price", "4.50", "EUR")),
        ("4,50 euros", "fr", ("price", "4.50", "EUR")),
        ("US$ 20", "en", ("price", "20", "USD")),
        ("twenty dollars", "en", ("price", "20", "USD")),
        ("5,- €", "de", ("price", "5", "EUR")),
        ("CHF 12", "de", ("price", "12", "CHF")),
        ("10:30", "en", ("time", "630", "minutes")),
        ("10.30 Uhr", "de", ("time", "630", "minutes")),
        ("10h30", "fr", ("time", "630", "minutes")),
        ("the 1990s", "en", ("decade", "1990", "")),
    ],
)
def test_shares_prices_and_times(text, language, amount):
    (placed,) = figures_of(text, language).amounts
    assert (placed.amount.kind, placed.amount.value, placed.amount.unit) == (amount[0], Decimal(amount[1]), amount[2])


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("2024-03-15", "en", Day(2024, 3, 15)),
        ("15 March 2024", "en", Day(2024, 3, 15)),
        ("15th of March 2024", "en", Day(2024, 3, 15)),
        ("March 15, 2024", "en", Day(2024, 3, 15)),
        ("15.03.2024", "de", Day(2024, 3, 15)),
        ("15. März 2024", "de", Day(2024, 3, 15)),
        ("15 mars 2024", "fr", Day(2024, 3, 15)),
        ("1er mai", "fr", Day(None, 5, 1)),
        ("15/03/24", "fr", Day(2024, 3, 15)),
        ("March 2024", "en", Day(2024, 3)),
        ("in November", "en", Day(None, 11)),
        ("on Fridays", "en", Day(weekday=5)),
        ("am Freitag", "de", Day(weekday=5)),
    ],
)
def test_dates(text, language, day):
    assert [reading for date in figures_of(text, language).dates for reading in date.readings] == [day]


def test_a_date_in_american_figures_is_read_both_ways():
    (date,) = figures_of("03/04/2024", "en").dates
    assert set(date.readings) == {Day(2024, 3, 4), Day(2024, 4, 3)}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("You may march on", "en"),
        ("One of them, and no other one", "en"),
        ("Mars, die Venus und acht geben", "de"),
        ("Un pain neuf", "fr"),
        ("A second look, and a third", "en"),
    ],
)
def test_what_only_looks_like_a_figure(text, language):
    figures = figures_of(text, language)
    assert (figures.amounts, figures.dates) == ((), ())


@given(st.integers(0, 10**9))
def test_a_number_means_the_same_in_each_language(number):
    assert value_of(f"{number:,}", "en") == number
    assert value_of(f"{number:,}".replace(",", "."), "de") == number
    assert value_of(f"{number:,}".replace(",", " "), "fr") == number


@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_each_number_below_a_hundred_has_words(language):
    assert set(range(2, 100)) - {21, 31, 41, 51, 61, 71, 81, 91} <= set(below_hundred(language).values())


@pytest.mark.parametrize(
    ("text", "language", "rules"),
    [
        ("1,300 loaves", "en", ["numbers"]),
        ("1.200 loaves", "en", ["numbers"]),
        ("45% rye", "en", ["numbers"]),
        ("1,200%", "en", ["numbers"]),
        ("£4.50", "en", ["prices"]),
        ("16 March 2024", "en", ["dates"]),
        ("15 March 2023", "en", ["dates"]),
        ("März 2023", "de", ["dates"]),
        ("1.300 Brote", "de", ["numbers"]),
        ("treize cents pains", "fr", ["numbers"]),
        ("1200 loaves, 35 percent, 4.50 euros, on 2024-03-15", "en", []),
        ("1200 Brote, 35 Prozent, 4,50 Euro, am 15.3.2024", "de", []),
        ("1200 pains, 35 pour cent, 4,50 euros, le 15/03/2024", "fr", []),
        ("15 March, in March, in 2024", "en", []),
    ],
)
def test_only_the_sources_figures_pass(text, language, rules):
    assert [rule for rule, _excerpt in found(text, language)] == rules


@pytest.mark.parametrize(
    ("text", "source", "language"),
    [
        ("Half the price", "They cost half as much.", "en"),
        ("Half the price", "They cost 50 % less.", "en"),
        ("Twice as fast", "It is 2 times as fast.", "en"),
        ("Two-thirds agree", "Of those asked, two thirds agree.", "en"),
        ("Die Hälfte kommt", "Halb so viele kommen.", "de"),
        ("La moitié du prix", "À moitié prix.", "fr"),
        ("The third day", "A day like others.", "en"),
        ("A quarterly journal", "It appears often.", "en"),
    ],
)
def test_shares_that_the_source_states_pass(text: str, source: str, language: str):
    assert not list(find_figures("headline", text, source, (language, language)))


@pytest.mark.parametrize(
    ("text", "source", "language", "excerpt"),
    [
        ("Half the price", "They cost a third less.", "en", "Half"),
        ("Three quarters agree", "A quarter agrees.", "en", "Three quarters"),
        ("Prices have doubled", "Prices have tripled.", "en", "doubled"),
        ("Die Hälfte kommt", "Ein Drittel kommt.", "de", "Hälfte"),
        ("La moitié du prix", "Un quart du prix.", "fr", "moitié"),
    ],
)
def test_shares_are_figures_too(text: str, source: str, language: str, excerpt: str):
    hits = find_figures("headline", text, source, (language, language))
    assert [(found.rule, found.excerpt) for found in hits] == [("numbers", excerpt)]
