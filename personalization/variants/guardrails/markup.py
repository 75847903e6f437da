"""Markup and characters that no visitor should meet: what is not plain text is taken out, once and for all."""

import html
import re
import unicodedata

import nh3

# Words are plain text wherever they are shown, so nothing is on the list of allowed tags.
ALLOWED_TAGS: frozenset[str] = frozenset()
# Controls, and what steers or hides text: zero-width, bidirectional, tags, variation selectors, soft hyphen.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)
MOST_ROUNDS = 10


def plain(text: str) -> str:
    """The text without tags, entities and hidden characters: the same text again for what is clean.

    What stays markup after every round, however it is nested or escaped, loses its angle brackets.

    >>> plain("A <b>bold</b> claim<script>alert(1)</script> &amp; more")
    'A bold claim & more'
    """
    for _round in range(MOST_ROUNDS):
        cleaned = _once(text)
        if cleaned == text:
            return text
        text = cleaned
    return re.sub("[<>&]", "", text)


def _once(text: str) -> str:
    visible = HIDDEN.sub("", unicodedata.normalize("NFC", text))
    return html.unescape(nh3.clean(visible, tags=set(ALLOWED_TAGS), attributes={}))
