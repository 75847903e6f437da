"""How a variant does against the original's words: of the same item, in the same slots, over the same days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.choices import Allocation
from personalization.experiments.models import Arm, Phase
from personalization.experiments.sightings import OWN, Sightings, Viewer, noted_segments, phases_of
from personalization.stats import Comparison, Proportion, compare, pool, stratified
from personalization.variants.records import last_approval

# Below these, what a sequence of looks at few people would tell is not to be trusted.
LEAST_VISITORS = 100
LEAST_CLICKS = 20
# Of an arm's viewers who saw the words that it stands for; some saw it before the words were ready.
NEARLY_ALL = 0.9
ALPHA = 0.05

Viewers = Mapping[str, Viewer]


@dataclass(frozen=True, eq=False)
class Side:
    """One wording: how often it was shown, and how many of its viewers clicked."""

    showings: int
    visitors: Proportion

    @property
    def rate(self) -> float | None:
        return self.visitors.mean

    @property
    def interval(self) -> tuple[float, float] | None:
        return self.visitors.interval(1 - ALPHA)


@dataclass(frozen=True, eq=False)
class VariantResults:
    """Both wordings and their difference. `experiments` names the tests in which chance alone chose the words.

    Without any the two were shown to different people: what differs may be the people.
    """

    since: datetime
    until: datetime
    variant: Side
    original: Side
    comparison: Comparison
    experiments: tuple[str, ...] = ()

    @property
    def is_randomized(self) -> bool:
        return bool(self.experiments)

    @property
    def is_early(self) -> bool:
        """Whether too few have seen either of them, or clicked, to say anything."""
        sides = (self.variant.visitors, self.original.visitors)
        return min(side.n for side in sides) < LEAST_VISITORS or sum(side.successes for side in sides) < LEAST_CLICKS

    @property
    def verdict(self) -> str:
        """One of early, better, worse and unclear; valid however often it is looked at."""
        low, high = self.comparison.interval
        if self.is_early:
            return "early"
        return "better" if low > 0 else "worse" if high < 0 else "unclear"

    @property
    def is_losing(self) -> bool:
        """Whether a test has shown that the original's words do better."""
        return self.is_randomized and self.verdict == "worse"


def read_results(variant: Any) -> VariantResults | None:
    """A variant's results: those of tests where there were any; None as long as nobody has seen it."""
    approval = last_approval(variant)
    if approval is None:
        return None
    tests = [test for seed in phases_of(variant, approval.at) if (test := _test(variant, seed))]
    return _randomized(variant, tests) if tests else _observed(variant)


@dataclass(frozen=True, eq=False)
class _Test:
    """One phase: who saw the variant and who the original, as the hash would have it."""

    seed: str
    name: str
    sightings: Sightings
    treated: Viewers
    control: Viewers


def _test(variant: Any, seed: str) -> _Test | None:
    phase = _phase(seed)
    sightings = Sightings.of(variant, arms=seed) if phase else None
    if sightings is None:
        return None
    viewers = {visitor: one for visitor, one in sightings.viewers.items() if len(one.arms) == 1}
    if variant.segment_id:
        noted = noted_segments(viewers, seed)
        viewers = {visitor: one for visitor, one in viewers.items() if noted.get(visitor) == variant.segment.key}
    arms = _by_arm(viewers)
    arms.pop(HELD_OUT, None)
    for alike in _alike(phase.experiment.arms.all()):
        treated = [key for key in alike if _show(arms.get(key, {}), variant.key)]
        control = [key for key in alike if _show(arms.get(key, {}), OWN)]
        if treated and control:
            both = [{visitor: one for key in keys for visitor, one in arms[key].items()} for keys in (treated, control)]
            return _Test(seed, str(phase.experiment), sightings, *both)
    return None


def _phase(seed: str) -> Phase | None:
    """The phase, where its visitors were divided once and for all: a bandit's shares change with what it sees."""
    key, _dot, number = seed.rpartition(".")
    phases = Phase.objects.filter(experiment__key=key, number=number, experiment__allocation=Allocation.FIXED)
    return phases.select_related("experiment").first() if number.isdecimal() else None


def _by_arm(viewers: Viewers) -> dict[str, dict[str, Viewer]]:
    found: dict[str, dict[str, Viewer]] = {}
    for visitor, one in viewers.items():
        (arm,) = one.arms
        found.setdefault(arm.rpartition(":")[2], {})[visitor] = one
    return found


def _alike(arms: Any) -> Iterator[list[str]]:
    """Keys of arms that differ in nothing but their words."""
    found: dict[Any, list[str]] = {}
    for arm in arms:
        found.setdefault(_but_for_words(arm), []).append(arm.key)
    yield from found.values()


def _but_for_words(arm: Arm) -> Any:
    changes = {name: value for name, value in arm.changes.items() if name != "wording"}
    return (tuple(sorted(changes.items())), arm.personalizes, arm.model_version_id)


def _show(viewers: Viewers, words: str) -> bool:
    """Whether nearly all of an arm's viewers saw it in these words alone."""
    seen = Counter(one.words == {words} for one in viewers.values())
    return seen[True] >= NEARLY_ALL * seen.total() > 0


def _randomized(variant: Any, tests: list[_Test]) -> VariantResults:
    treated = {test.seed: test.sightings.proportion(test.treated) for test in tests}
    control = {test.seed: test.sightings.proportion(test.control) for test in tests}
    return VariantResults(
        since=min(test.sightings.since for test in tests),
        until=max(test.sightings.until for test in tests),
        variant=Side(sum(test.sightings.showings(variant.key) for test in tests), pool(treated.values())),
        original=Side(sum(test.sightings.showings(OWN) for test in tests), pool(control.values())),
        comparison=stratified(control, treated, method="sequential", alpha=ALPHA),
        experiments=tuple(dict.fromkeys(test.name for test in tests)),
    )


def _observed(variant: Any) -> VariantResults | None:
    sightings = Sightings.of(variant)
    if sightings is None:
        return None
    viewers = sightings.viewers
    sides = {
        words: sightings.proportion({visitor: one for visitor, one in viewers.items() if one.words == {words}})
        for words in (variant.key, OWN)
    }
    return VariantResults(
        since=sightings.since,
        until=sightings.until,
        variant=Side(sightings.showings(variant.key), sides[variant.key]),
        original=Side(sightings.showings(OWN), sides[OWN]),
        comparison=compare(sides[OWN], sides[variant.key], method="sequential", alpha=ALPHA),
    )
