"""The demonstration's experiment: twelve days of simulated visitors, of whom a fifth more click in one arm."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.crypto import salted_hmac

from personalization.events.models import Event, Kind
from personalization.experiments.assignment import Assignment, assign
from personalization.experiments.choices import Measure, Role, Scope, Status
from personalization.experiments.models import Arm, Experiment, Metric, Phase
from personalization.experiments.serving import serving_experiments
from personalization.experiments.sums import refresh_sums
from personalization.slots.models import Slot
from personalization.visitors.matching import Facts
from personalization.visitors.models import Consent, Visitor

KEY = "popular-or-trending"
DAYS = 12
RATE, LIFT = 0.22, 1.2
DEVICES = ("desktop", "mobile", "mobile", "tablet")
BATCH = 500


def create_experiment(*, visitors: int, progress: Callable[[int, int], None] | None = None) -> bool:
    """Create it with its visitors and what they did; whether it was missing."""
    if Experiment.objects.filter(key=KEY).exists():
        return False
    experiment = _planned(visitors)
    served = serving_experiments()[experiment.slot_id]
    chance = random.Random(KEY)  # noqa: S311 - the same visitors at every run
    for start in range(0, visitors, BATCH):
        keys = [_key(number) for number in range(start, min(start + BATCH, visitors))]
        _agree(keys)
        Event.objects.bulk_create(row for key in keys for row in _events_of(key, experiment, served, chance))
        if progress:
            progress(start + len(keys), visitors)
    refresh_sums(experiment=experiment)
    return True


def _planned(visitors: int) -> Experiment:
    experiment = Experiment.objects.create(
        key=KEY,
        name="Popular or trending?",
        hypothesis=(
            "If the home page shows what is read more than usual instead of what is read most, then more visitors will "
            "click, because regular readers know the classics."
        ),
        slot=Slot.objects.get(key="home-popular"),
        status=Status.RUNNING,
        started_at=timezone.now() - timedelta(days=DAYS),
        planned_visitors=2 * visitors,
        minimum_effect=15.0,
    )
    Arm.objects.create(experiment=experiment, key="control", name="What is read most", is_control=True, sort_order=0)
    Arm.objects.create(
        experiment=experiment,
        key="trending",
        name="What is read more than usual",
        policy="trending",
        heading="Talked about now",
        sort_order=1,
    )
    metrics = (
        (Measure.CLICKED, Scope.SLOT, Role.GOAL),
        (Measure.CLICK_RATE, Scope.SLOT, Role.SECONDARY),
        (Measure.RETURNED, Scope.SITE, Role.GUARDRAIL),
    )
    for place, (measure, scope, role) in enumerate(metrics):
        Metric.objects.create(experiment=experiment, measure=measure, scope=scope, role=role, sort_order=place)
    weights = {"control": 1, "trending": 1}
    Phase.objects.create(experiment=experiment, number=1, weights=weights, started_at=experiment.started_at)
    return experiment


def _agree(keys: list[str]) -> None:
    rows = Visitor.objects.bulk_create(Visitor(key=key, simulated=True) for key in keys)
    Consent.objects.bulk_create(Consent(visitor=row, analytics=True) for row in rows)


def _events_of(key: str, experiment: Experiment, served: tuple, chance: random.Random) -> Iterator[Event]:
    """One visitor's days: the slot is seen on one or more, and clicked on some of them."""
    device, first = chance.choice(DEVICES), chance.random() * DAYS
    rate = RATE * (LIFT if device != "desktop" else 1.0)
    for later in range(1 + (chance.random() < 0.35) + (chance.random() < 0.1)):
        at = experiment.started_at + timedelta(days=first + later * (1 + chance.random()))
        if at >= timezone.now():
            return
        facts = Facts(now=at, locale="en", device=device)
        assignment = assign(served, unit=key, facts=facts, segments=tuple)
        arm = assignment.arm.key
        clicks = chance.random() < rate * (LIFT if arm == "trending" else 1.0)
        yield from _visit(key, assignment, at, device, chance, clicks)


def _visit(
    key: str, assignment: Assignment, at: datetime, device: str, chance: random.Random, clicks: bool
) -> Iterator[Event]:
    told = {
        "visitor_key": key,
        "slot_key": "home-popular",
        "arm_key": assignment.arm_key,
        "decision_id": UUID(int=chance.getrandbits(128)),
        "for_analytics": True,
        "source": "simulate",
    }
    context = {"device": device, "locale": "en", "segment": "en"}
    yield Event(kind=Kind.EXPOSURE, occurred_at=at, received_at=at, context=context, **told)
    seen = at + timedelta(seconds=1)
    yield Event(kind=Kind.IMPRESSION, occurred_at=seen, received_at=seen, **told)
    if clicks:
        after = at + timedelta(seconds=5 + 30 * chance.random())
        yield Event(kind=Kind.CLICK, occurred_at=after, received_at=after, **told)


def _key(number: int) -> str:
    return salted_hmac("cms_site.demo.experiment", str(number), algorithm="sha256").hexdigest()[:32]
