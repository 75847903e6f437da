"""Numbers in words: English, French and German, read without accents and without hyphens."""

from functools import cache
from itertools import product

ENGLISH = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
FRENCH = "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
FRENCH_TENS = {"vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "quatre vingt": 80}
FRENCH_TENS |= {"septante": 70, "huitante": 80, "octante": 80, "nonante": 90}
GERMAN = "zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn funfzehn sechzehn"
GERMAN_TENS = "zwanzig dreissig vierzig funfzig sechzig siebzig achtzig neunzig"
HUNDREDS = {
    "en": {"hundred": 100, "hundreds": 100},
    "fr": {"cent": 100, "cents": 100},
    "de": {"hundert": 100, "hunderte": 100},
}
SCALES = {
    "en": {
        "thousand": 10**3,
        "million": 10**6,
        "billion": 10**9,
        "bn": 10**9,
        "k": 10**3,
        "m": 10**6,
        "thousands": 10**3,
        "millions": 10**6,
        "billions": 10**9,
    },
    "fr": {
        "mille": 10**3,
        "million": 10**6,
        "millions": 10**6,
        "milliard": 10**9,
        "milliards": 10**9,
        "millier": 10**3,
        "milliers": 10**3,
    },
    "de": {
        "tausend": 10**3,
        "million": 10**6,
        "millionen": 10**6,
        "mio": 10**6,
        "tausende": 10**3,
        "milliarde": 10**9,
        "milliarden": 10**9,
        "mrd": 10**9,
    },
}
# These follow digits only.
AFTER_DIGITS = frozenset({"bn", "k", "m", "mio", "mrd"})
DOZENS = {"en": {"dozen": 12, "dozens": 12}, "fr": {"douzaine": 12, "dizaine": 10}, "de": {"dutzend": 12}}
# Shares and multiples, as patterns: "a third of it" is one, "a third day" is none.
SHARES = {
    "en": {
        r"half|halves|halved?": "0.5",
        r"(?:a|one)[\s-]third(?=\s(?:as|cheaper|fewer|larger|less|more|of|off|smaller)\b)": "1/3",
        r"two[\s-]thirds": "2/3",
        r"(?:a|one)[\s-]quarter": "0.25",
        r"three[\s-]quarters": "0.75",
        r"twice|twofold|doubl(?:e|es|ed|ing)": "2",
        r"thrice|threefold|tripl(?:e|es|ed|ing)": "3",
    },
    "fr": {
        r"moitie|demie?": "0.5",
        r"un tiers": "1/3",
        r"deux tiers": "2/3",
        r"un quart": "0.25",
        r"trois quarts": "0.75",
        r"doubl(?:e|es|ent|er)": "2",
        r"tripl(?:e|es|ent|er)": "3",
    },
    "de": {
        r"halfte|halb(?:e[mnrs]?|iert)?": "0.5",
        r"(?:ein )?drittel": "1/3",
        r"zwei drittel": "2/3",
        r"(?:ein )?viertel": "0.25",
        r"drei viertel|dreiviertel": "0.75",
        r"doppelt(?:e[mnrs]?)?|verdoppel(?:n|t)": "2",
        r"dreifach(?:e[mnrs]?)?|verdreifach(?:en|t)": "3",
    },
}
# "Neuf" is also new, "acht" attention, "elf" an elf's: alone they count for nothing.
AMBIGUOUS = {"fr": frozenset({"neuf"}), "de": frozenset({"acht", "sieben"})}


@cache
def below_hundred(language: str) -> dict[str, int]:
    """The words of a language for 2 to 99; none for languages without a table.

    Examples
    --------
    >>> below_hundred("en")["twenty five"], below_hundred("fr")["quatre vingt dix"], below_hundred("de")["funfzig"]
    (25, 90, 50)
    """
    tables = {"en": _english, "fr": _french, "de": _german}
    return tables[language]() if language in tables else {}


def _english() -> dict[str, int]:
    small = _numbered(f"{ENGLISH} seventeen eighteen nineteen", 2)
    tens = _by_tens(ENGLISH_TENS)
    units = {"one": 1} | {word: value for word, value in small.items() if value < 10}
    both = {f"{ten} {unit}": tens[ten] + units[unit] for ten, unit in product(tens, units)}
    return small | tens | both


def _french() -> dict[str, int]:
    small = _numbered(FRENCH, 2) | {"dix sept": 17, "dix huit": 18, "dix neuf": 19}
    units = {"un": 1, "une": 1, "et un": 1, "et une": 1, "et onze": 11} | small
    both = {
        f"{ten} {unit}": value + number
        for (ten, value), (unit, number) in product(FRENCH_TENS.items(), units.items())
        if number < 10 or value in (60, 80)
    }
    return small | FRENCH_TENS | {"quatre vingts": 80} | both


def _german() -> dict[str, int]:
    small = _numbered(f"{GERMAN} siebzehn achtzehn neunzehn", 2)
    tens = _by_tens(GERMAN_TENS)
    units = {"ein": 1} | {word: value for word, value in small.items() if value < 10}
    both = {f"{unit}und{ten}": tens[ten] + units[unit] for ten, unit in product(tens, units)}
    hundreds = {f"{unit}hundert": value * 100 for unit, value in units.items()}
    thousands = {f"{unit}tausend": value * 1000 for unit, value in units.items()}
    return small | tens | both | hundreds | thousands


def _numbered(words: str, first: int) -> dict[str, int]:
    return {word: number for number, word in enumerate(words.split(), start=first)}


def _by_tens(words: str) -> dict[str, int]:
    return {word: 10 * number for number, word in enumerate(words.split(), start=2)}
