"""A slot's order: every candidate's score, what it is made of, and which rows are shown for what reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from personalization.recommend.data import Doubles, Indexes
from personalization.slots.decision import Origin


@dataclass(eq=False)
class Order:
    """Rows in the order to show; every candidate's score with the adjustments that are part of it."""

    candidates: Indexes
    base: Doubles
    scores: Doubles
    rows: list[int] = field(default_factory=list)
    pinned: frozenset[int] = frozenset()
    held_back: dict[int, str] = field(default_factory=dict)
    next_rows: list[int] = field(default_factory=list)
    adjustments: list[tuple[str, Doubles]] = field(default_factory=list)
    origins: dict[int, Origin] = field(default_factory=dict)
    propensities: dict[int, float] = field(default_factory=dict)

    def adjust(self, name: str, scores: Doubles) -> None:
        """Take over new scores and remember by how much they differ."""
        self.adjustments.append((name, scores - self.scores))
        self.scores = scores

    def place(self, row: int) -> int | None:
        """Where a row stands among the candidates; None if it is none."""
        place = int(np.searchsorted(self.candidates, row))
        return place if place < len(self.candidates) and self.candidates[place] == row else None

    def origin(self, row: int) -> Origin:
        """How a row that is shown came onto the list."""
        return Origin.PINNED if row in self.pinned else self.origins.get(row, Origin.RANKED)

    def note(self, before: Sequence[int], after: Sequence[int], size: int, origin: Origin) -> None:
        """Remember for what a reordering brought rows to the places that are shown."""
        self.origins |= dict.fromkeys(set(after[:size]).difference(before[:size]), origin)
