"""Were visitors divided as the weights say? A test that lost some of one arm can show anything."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from personalization.experiments.arms import Arms
from personalization.experiments.models import Phase
from personalization.experiments.pooling import Row, count, grouped
from personalization.experiments.readings import Check
from personalization.experiments.wording import probability, proportion
from personalization.stats import holm, sample_ratio_mismatch

ALARM = 0.001
# The chi-squared test needs so many expected in every arm.
FEWEST_EXPECTED = 5


@dataclass(frozen=True)
class Division:
    """How some of the visitors were divided, and how they should have been; p_value is None where they are too few."""

    name: str
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    p_value: float | None


def check_ratio(phase: Phase, arms: Arms) -> Check:
    """Visitors of all arms together, and of each day, device and language, corrected for the number of these."""
    title = _("Visitors per arm")
    rows = [row for part in arms.hashed.values() for row in part]
    weights = _weights(phase, arms)
    whole = divide(_("all visitors"), rows, weights)
    slices = [divide(name, part, weights) for name, part in _slices(rows, arms)]
    # A bandit's visitors count once each day: only within a day are they independent.
    if fault := _fault([] if arms.is_bandit else [whole]) or _fault(slices):
        return Check("ratio", "danger", title, _complaint(fault), blocks=True)
    if not any(part.p_value is not None for part in (whole, *slices)):
        return Check(
            "ratio", "ok", title, _("There are too few visitors to tell whether the arms get what they should.")
        )
    text = _("Visitors are divided as the weights say (%(seen)s).")
    return Check("ratio", "ok", title, text % {"seen": proportion(whole.observed)})


def _complaint(fault: Division) -> str:
    return _(
        "Visitors are divided %(seen)s where %(expected)s was expected (%(name)s, %(p)s). Some were lost or counted "
        "twice in one arm: until the fault is found, no result of this test can be believed."
    ) % {
        "seen": proportion(fault.observed),
        "expected": proportion(fault.expected),
        "name": fault.name,
        "p": probability(fault.p_value),
    }


def divide(name: str, rows: Sequence[Row], weights: Mapping[str, float]) -> Division:
    """Hold the visitors of some rows against the weights of the arms."""
    seen = grouped(rows, lambda row: row.arm_key)
    observed = tuple(count(seen.get(key, ())) for key in weights)
    total, shares = sum(observed), sum(weights.values())
    expected = tuple(total * weight / shares if shares else 0.0 for weight in weights.values())
    used = [number for number in expected if number > 0]
    is_enough = len(used) > 1 and min(used) >= FEWEST_EXPECTED
    p_value = sample_ratio_mismatch(observed, list(weights.values())) if is_enough else None
    return Division(name, observed, expected, p_value)


def _weights(phase: Phase, arms: Arms) -> dict[str, float]:
    """Those of the phase; a bandit's holdback is divided evenly."""
    weights = {key: float(phase.weights.get(key, 0.0)) for key in arms.names}
    return {key: float(weight > 0) for key, weight in weights.items()} if arms.is_bandit else weights


def _fault(divisions: Sequence[Division]) -> Division | None:
    told = [division for division in divisions if division.p_value is not None]
    corrected = holm([division.p_value for division in told])
    p_value, number = min(zip(corrected, range(len(told)), strict=True), default=(1.0, 0))
    return told[number] if p_value < ALARM else None


def _slices(rows: Sequence[Row], arms: Arms) -> list[tuple[str, list[Row]]]:
    days = [(date_format(day), part) for day, part in grouped(rows, lambda row: row.day).items()]
    if arms.is_bandit:
        return days
    return days + _named(rows, lambda row: row.device) + _named(rows, lambda row: row.locale)


def _named(rows: Sequence[Row], by: Callable[[Row], Hashable]) -> list[tuple[str, list[Row]]]:
    return [(str(name) or _("unknown"), part) for name, part in grouped(rows, by).items()]
