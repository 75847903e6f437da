"""Characters that look like others, hide, or are spaced out; and texts as they sound once these are read through."""

import re
import unicodedata
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import lru_cache

# Joiners are letters' business in Arabic and the scripts of India; anywhere else they only hide something.
JOINING = "\u0600-\u08ff\u0900-\u0dff\u0e80-\u0fff\u1000-\u109f\u1780-\u18af"
LOOSE_JOINER = f"(?<![{JOINING}])[\u200c\u200d]|[\u200c\u200d](?![{JOINING}])"
# Controls, and what steers or hides text: zero-width, bidirectional, tags, variation selectors, soft hyphen.
HIDDEN = re.compile(
    f"{LOOSE_JOINER}|[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
# More marks on one letter than any language needs.
PILED = re.compile(f"(?<={MARK}{MARK}{MARK}){MARK}+")
# Letters of other scripts, and signs, by the Latin letter that they are taken for.
LOOKALIKES = {
    **dict(zip("авекмнорстухіѕјԁԛԝґһӏѵгпьийԍ", "abekmhopctyxisjdqwrhlvrnbuug", strict=True)),
    **dict(zip("αβγεηικνορτυχωϲϳ", "abyenikvoptuxwcj", strict=True)),
    **dict(zip("ɑɡıɩʟɴʀʏꜱᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢſƖոսօհցքյ", "agiilnrysacdejkmoptuvwzslnuohgpj", strict=True)),
    **dict(zip("0134578@$!|€", "oleastbasile", strict=True)),
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ð": "d",
}  # fmt: skip
LONGEST_READING = 4
SIGNS = frozenset("0134578@$!|€")
# Signs that mostly are what they are, except before a letter.
ENDS = frozenset("!|$€")
NAMED = (
    "LATIN CYRILLIC GREEK ARMENIAN HEBREW ARABIC CHEROKEE GEORGIAN DEVANAGARI BENGALI THAI HIRAGANA KATAKANA HANGUL "
    "CJK COPTIC DESERET LISU TIFINAGH ETHIOPIC"
)
SCRIPTS = frozenset(NAMED.split())
# Superior letters and the micro sign belong to no script.
UNNAMED = frozenset({"", "FEMININE", "MASCULINE", "MODIFIER", "MICRO"})


@dataclass(frozen=True)
class Folded:
    """A text as it is searched, and for each of its characters the place in the original."""

    text: str
    places: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the folded text stands in the original."""
        return self.places[start], self.places[end - 1] + 1

    def without(self, gone: Set[int]) -> "Folded":
        """The same without the characters at some places of the folded text."""
        kept = [index for index in range(len(self.text)) if index not in gone]
        return Folded("".join(self.text[index] for index in kept), tuple(self.places[index] for index in kept))


def fold(text: str, *, signs: bool = False) -> Folded:
    """Read a text as a person does: without case, accents, hidden characters and look-alikes.

    Parameters
    ----------
    text : str
    signs : bool
        Whether digits and signs count as the letters they stand for, as in "fr33".

    Examples
    --------
    >>> fold("FREE\\u200b b\\u0430nk").text
    'free bank'
    >>> fold("Fr33", signs=True).text
    'free'
    """
    letters, places = [], []
    for place, letter in enumerate(text):
        ends_word = letter in ENDS and not text[place + 1 : place + 2].isalnum()
        for read in _read(letter, signs and not ends_word):
            letters.append(read)
            places.append(place)
    return Folded("".join(letters), tuple(places))


def _read(letter: str, signs: bool) -> str:
    if letter.isascii() and not (signs and letter in SIGNS):
        return letter.lower()
    if HIDDEN.match(letter) and letter not in "\n\t":
        return ""
    if letter.isdecimal():
        digit = str(unicodedata.decimal(letter))
        return LOOKALIKES.get(digit, digit) if signs else digit
    # Some signs stand for whole phrases.
    parts = unicodedata.normalize("NFKD", letter)[:LONGEST_READING].casefold()
    bare = "".join(part for part in unicodedata.normalize("NFKD", parts) if not unicodedata.combining(part))
    return "".join(part if part in SIGNS and not signs else LOOKALIKES.get(part, part) for part in bare)


def script_of(letter: str) -> str:
    """The script that a letter belongs to; empty for what belongs to none, such as digits and signs.

    Examples
    --------
    >>> script_of("a"), script_of("\\u0430"), script_of("4")
    ('LATIN', 'CYRILLIC', '')
    """
    if letter.isascii():
        return "LATIN" if letter.isalpha() else ""
    if not letter.isalpha():
        return ""
    first = unicodedata.name(letter, "").split(" ")[0]
    if first in UNNAMED:
        return ""
    return first if first in SCRIPTS else "OTHER"


@lru_cache(maxsize=256)
def scripts_in(text: str) -> frozenset[str]:
    """The scripts that a text is written in."""
    return frozenset(filter(None, map(script_of, text)))


def words_in(text: str) -> Iterator[re.Match[str]]:
    """Each run of letters, digits and marks."""
    return re.finditer(r"[^\W_][\w\u0300-\u036f]*", text)
