"""Two texts beside each other, word by word: what both say, what only the first says, and what only the second."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
# Fewer characters in common between two changes are a coincidence: marked as the same, they would only confuse.
SHORTEST_SAME = 4
# Beyond so many words a passage is shown as replaced: finding what moved in it would keep the editor waiting.
MOST_TOKENS = 4000
CONTEXT = 60

SAME, REMOVED, ADDED, LEFT_OUT = "same", "removed", "added", "left_out"


@dataclass(frozen=True)
class Piece:
    """A run of characters of one side, and what became of it."""

    kind: str
    text: str


@dataclass(frozen=True)
class Comparison:
    """Both sides in pieces. The texts of a side's pieces, joined, are that side's text."""

    before: tuple[Piece, ...]
    after: tuple[Piece, ...]


def compare_words(before: str, after: str) -> Comparison:
    """What changes from one text to the other.

    >>> [(piece.kind, piece.text) for piece in compare_words("A slow train", "A fast train").after]
    [('same', 'A '), ('added', 'fast'), ('same', ' train')]
    """
    left, right = TOKEN.findall(before), TOKEN.findall(after)
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for is_same, old, new in _runs(left, right):
        for side, kind, text in ((sides[0], REMOVED, old), (sides[1], ADDED, new)):
            if text:
                side.append(Piece(SAME if is_same else kind, text))
    return Comparison(*(_joined(side) for side in sides))


def shortened(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The changes of a long text with a little of what stands around them."""
    return tuple(
        part
        for number, piece in enumerate(pieces)
        for part in _around(piece, is_first=number == 0, is_last=number == len(pieces) - 1)
    )


def _runs(left: list[str], right: list[str]) -> Iterator[tuple[bool, str, str]]:
    start = _in_common(left, right)
    end = _in_common(left[start:][::-1], right[start:][::-1])
    yield True, "".join(left[:start]), "".join(right[:start])
    yield from _middle(left[start : len(left) - end], right[start : len(right) - end])
    yield True, "".join(left[len(left) - end :]), "".join(right[len(right) - end :])


def _in_common(left: list[str], right: list[str]) -> int:
    """How many tokens both begin with."""
    return sum(1 for _pair in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))


def _middle(left: list[str], right: list[str]) -> Iterator[tuple[bool, str, str]]:
    """The part that begins and ends with a change."""
    if max(len(left), len(right)) > MOST_TOKENS:
        yield False, "".join(left), "".join(right)
        return
    for tag, i, j, k, m in SequenceMatcher(None, left, right).get_opcodes():
        old, new = "".join(left[i:j]), "".join(right[k:m])
        yield tag == "equal" and len(old.strip()) >= SHORTEST_SAME, old, new


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].kind == piece.kind:
            joined[-1] = Piece(piece.kind, joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return tuple(joined)


def _around(piece: Piece, *, is_first: bool, is_last: bool) -> Iterator[Piece]:
    text = piece.text
    if piece.kind != SAME or len(text) <= 2 * CONTEXT:
        yield piece
        return
    if not is_first:
        yield Piece(SAME, text[:CONTEXT])
    yield Piece(LEFT_OUT, text[0 if is_first else CONTEXT : len(text) if is_last else -CONTEXT])
    if not is_last:
        yield Piece(SAME, text[-CONTEXT:])
