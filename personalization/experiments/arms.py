"""The rows of a phase as they are compared: which are the control's, which are judged, which are only shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from functools import cached_property

from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.models import Experiment
from personalization.experiments.pooling import Row, Rows, grouped

# Where a bandit is compared with its own holdback, these stand for arms.
EQUAL_SHARES, BANDIT = "holdback", "bandit"


@dataclass(frozen=True, eq=False)
class Arms:
    """An experiment's rows by arm, with the arms' names."""

    experiment: Experiment
    rows: Rows
    names: Mapping[str, str]

    @classmethod
    def of(cls, experiment: Experiment, rows: Rows) -> "Arms":
        """With the arms' names, the control's first, then in the editors' order."""
        arms = sorted(experiment.arms.all(), key=lambda arm: not arm.is_control)
        return cls(experiment, rows, {arm.key: str(arm) for arm in arms})

    @property
    def is_bandit(self) -> bool:
        """Whether what is judged is the bandit as a whole."""
        return self.experiment.is_bandit

    @cached_property
    def served(self) -> dict[str, list[Row]]:
        """Rows of each arm of a bandit, where single arms are not judged."""
        return self._by_arm if self.is_bandit else {}

    @cached_property
    def _by_arm(self) -> dict[str, list[Row]]:
        found = grouped(self.rows, lambda row: row.arm_key)
        return {key: found.get(key, []) for key in self.names}

    @cached_property
    def judged(self) -> dict[str, list[Row]]:
        """Rows by arm, the control first; of a bandit, its holdback and everybody else."""
        if not self.is_bandit:
            return self._by_arm
        found = grouped((row for rows in self._by_arm.values() for row in rows), lambda row: row.is_holdback)
        return {EQUAL_SHARES: found.get(True, []), BANDIT: found.get(False, [])}

    @cached_property
    def hashed(self) -> dict[str, list[Row]]:
        """Rows by arm of the visitors whom the weights alone divided: everybody, or of a bandit its holdback."""
        if not self.is_bandit:
            return self._by_arm
        return {key: [row for row in rows if row.is_holdback] for key, rows in self._by_arm.items()}

    @cached_property
    def control(self) -> list[Row]:
        """Rows of what the others are compared with."""
        return next(iter(self.judged.values()), [])

    @cached_property
    def held_out(self) -> list[Row]:
        """Rows of the visitors who are kept apart."""
        return [row for row in self.rows if row.arm_key == HELD_OUT]

    def is_over(self, day: date) -> bool:
        """Whether the time has passed in which the outcomes of that day's new visitors count."""
        summed_at = self.experiment.summed_at
        window = 1 if self.is_bandit else self.experiment.window_days + 1
        return summed_at is not None and day + timedelta(days=window) <= summed_at.astimezone(UTC).date()
