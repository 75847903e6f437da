"""Two people at once: one is served, the other is told."""

import pytest

from personalization.experiments import services
from personalization.experiments.models import Experiment, Phase
from personalization.experiments.services import StepRefusedError
from tests.events.test_concurrency import at_once
from tests.experiments.world import act, make_experiment

pytestmark = pytest.mark.django_db(transaction=True)


def attempt(step, pk: int, **arguments):
    """As two requests would, each with the experiment as it read it."""
    experiment = Experiment.objects.get(pk=pk)

    def take() -> str:
        try:
            step(experiment=experiment, **arguments)
            return "done"
        except StepRefusedError as error:
            return str(error)

    return take


@pytest.fixture
def drafts():
    drafts = [make_experiment(key, status="draft", started_at=None) for key in ("one", "two")]
    Phase.objects.all().delete()
    act("somebody", "impression")
    return drafts


def test_one_of_two_starts_in_one_slot_is_refused(drafts):
    told = at_once(*(attempt(services.start, draft.pk) for draft in drafts))
    assert sorted(word == "done" for word in told) == [False, True]
    assert any("runs in the same slot" in word for word in told)
    assert Experiment.objects.serving().count() == 1


def test_one_experiment_is_started_once(drafts):
    told = at_once(*(attempt(services.start, drafts[0].pk) for _ in range(4)))
    assert told.count("done") == Phase.objects.count() == 1


def test_it_is_not_ended_twice(drafts):
    services.start(experiment=drafts[0])
    decisions = ("mine", "yours")
    told = at_once(
        *(attempt(services.end, drafts[0].pk, verdict="inconclusive", decision=decision) for decision in decisions)
    )
    assert told.count("done") == 1
    assert Experiment.objects.get(pk=drafts[0].pk).decision == decisions[told.index("done")]
