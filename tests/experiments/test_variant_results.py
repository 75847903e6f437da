"""A variant against the original's words: what is counted, what is a test, and what is only proposed."""

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from personalization.events.models import Event
from personalization.experiments.models import Arm
from personalization.experiments.retiring import judge_variants, proposed
from personalization.experiments.variant_results import read_results
from personalization.variants import reviewing
from personalization.variants.choices import Act, State
from personalization.variants.models import Variant
from personalization.variants.records import ApprovalRecord
from personalization.visitors.models import Segment
from tests.experiments.world import make_experiment
from tests.slots.world import make_item
from tests.variants.world import approved, reviewer

pytestmark = pytest.mark.django_db

SEED = "test.1"
ARMS = {"control": "original", "b": ""}


@pytest.fixture
def variant(site) -> Variant:
    return approved(make_item(1), headline="In other words")


@pytest.fixture
def experiment(variant):
    experiment = make_experiment()
    for key, wording in ARMS.items():
        experiment.arms.filter(key=key).update(wording=wording)
    return experiment


def show(variant, rate: float, *, n=200, words=None, arm="", segment="", each=1, rng=None, **fields) -> list[Event]:
    """Let visitors see the variant's item, or slot, in some words, and so many of them click."""
    words = variant.key if words is None else words
    now = timezone.now()
    rng = rng or np.random.default_rng(1)
    clicks = rng.random(n) < rate if rng else np.arange(n) < rate * n
    named = {"item_key": variant.item.key} if variant.item_id else {}
    clicked_key = named or {"item_key": "page:1"}
    kind = "impression" if variant.item_id else "exposure"
    rows = []
    for clicked in clicks:
        told = {"visitor_key": uuid.uuid4().hex, "slot_key": "home-top", "arm_key": arm, "for_analytics": True} | fields
        if arm and variant.item_id:
            context = {"segment": segment, "device": "desktop", "locale": "en"}
            rows.append(Event(kind="exposure", context=context, occurred_at=now, variant_key="", **told))
        rows += [Event(kind=kind, variant_key=words, occurred_at=now, **told, **named) for _ in range(each)]
        if clicked:
            at = now + timedelta(minutes=1)
            rows.append(Event(kind="click", variant_key=words, occurred_at=at, **told, **clicked_key))
    return Event.objects.bulk_create(rows)


def show_both(variant, ours: float, originals: float, **fields) -> None:
    rng = fields.pop("rng", None) or np.random.default_rng(2)
    show(variant, ours, arm=f"{SEED}:b", rng=rng, **fields)
    show(variant, originals, arm=f"{SEED}:control", words="", rng=rng, **fields)


def test_what_nobody_has_seen_has_no_results(variant):
    assert read_results(variant) is None
    assert judge_variants() == 0


def test_shown_to_different_people_it_is_no_test(variant):
    show(variant, 0.1, n=400, each=2)
    show(variant, 0.4, n=400, words="")
    results = read_results(variant)
    assert (results.is_randomized, results.variant.visitors.n, results.variant.showings) == (False, 400, 800)
    assert results.verdict == "worse"
    assert not results.is_losing
    assert judge_variants() == 0


def test_what_is_not_believed_or_not_agreed_to_does_not_count(variant):
    show(variant, 0.5, n=30)
    show(variant, 1.0, n=30, verdict="click_rate")
    show(variant, 1.0, n=30, for_analytics=False)
    show(variant, 1.0, n=30, visitor_key="", once=None)
    assert read_results(variant).variant.visitors.n == 30


def test_who_saw_both_wordings_tells_of_neither(variant):
    both = show(variant, 0.5, n=10)
    for row in both:
        row.pk, row.event_id, row.variant_key = None, uuid.uuid4(), ""
    Event.objects.bulk_create(both)
    show(variant, 0.5, n=20)
    assert read_results(variant).variant.visitors.n == 20


def test_a_click_before_the_first_sight_is_none(variant):
    show(variant, 1.0, n=10)
    Event.objects.filter(kind="click").update(occurred_at=timezone.now() - timedelta(minutes=5))
    assert read_results(variant).variant.visitors.successes == 0


def test_earlier_words_of_the_same_variant_do_not_count(variant):
    show(variant, 0.5, n=50)
    variant.headline = "Quite other words"
    variant.save_revision()
    from tests.variants.world import submitted

    reviewing.approve(task_state=submitted(variant), user=reviewer())
    variant.refresh_from_db()
    assert read_results(variant) is None
    show(variant, 0.5, n=20)
    assert read_results(variant).variant.visitors.n == 20


def test_arms_that_differ_in_words_alone_are_a_test(variant, experiment):
    show_both(variant, 0.1, 0.3, n=600)
    show(variant, 0.9, n=600)  # outside of the test
    results = read_results(variant)
    assert results.experiments == ("Test",)
    assert (results.variant.visitors.n, results.original.visitors.n) == (600, 600)
    assert results.is_losing
    low, high = results.comparison.interval
    assert low < 0.1 / 0.3 - 1 < high < 0


@pytest.mark.parametrize(
    "changes",
    [{"policy": "newest"}, {"freshness": 0.5}, {"personalizes": False}, {"heading": "Another"}],
    ids=lambda changes: next(iter(changes)),
)
def test_arms_that_differ_in_more_are_not(variant, experiment, changes):
    Arm.objects.filter(key="b").update(**changes)
    show_both(variant, 0.1, 0.3, n=200)
    assert not read_results(variant).is_randomized


def test_a_bandits_changing_shares_are_no_test(variant, experiment):
    type(experiment).objects.update(allocation="bandit")
    show_both(variant, 0.1, 0.3, n=200)
    assert not read_results(variant).is_randomized


def test_held_out_visitors_and_those_of_two_arms_are_left_out(variant, experiment):
    show_both(variant, 0.2, 0.2, n=150)
    show(variant, 1.0, n=50, arm=f"{SEED}:holdout", words="")
    strayed = show(variant, 1.0, n=20, arm=f"{SEED}:b")
    for row in strayed:
        row.pk, row.event_id, row.arm_key, row.variant_key = None, uuid.uuid4(), f"{SEED}:control", ""
    Event.objects.bulk_create(strayed)
    results = read_results(variant)
    assert (results.variant.visitors.n, results.original.visitors.n) == (150, 150)


def test_words_for_a_segment_are_compared_within_it(site, experiment):
    segment = Segment.objects.create(key="fans", name="Fans", live=True)
    variant = approved(make_item(2), headline="For fans", segment=segment)
    # Fans click more than others, whatever they read; others never see these words.
    show_both(variant, 0.4, 0.4, n=300, segment="fans")
    show(variant, 0.05, n=300, arm=f"{SEED}:b", words="")
    show(variant, 0.05, n=300, arm=f"{SEED}:control", words="")
    results = read_results(variant)
    assert results.is_randomized
    assert (results.variant.visitors.n, results.original.visitors.n) == (300, 300)
    assert results.verdict == "unclear"


def test_a_slots_own_words_are_judged_by_all_its_clicks(site, experiment):
    variant = approved(slot=experiment.slot, headline="Another heading")
    show_both(variant, 0.1, 0.3, n=500)
    results = read_results(variant)
    assert results.is_randomized
    assert results.verdict == "worse"


def test_a_few_visitors_are_too_early_to_tell(variant, experiment):
    show_both(variant, 0.0, 0.9, n=60)
    assert read_results(variant).verdict == "early"
    assert judge_variants() == 0


def test_a_loser_is_proposed_stays_and_is_retired_by_a_person(variant, experiment):
    show_both(variant, 0.1, 0.3, n=600)
    assert judge_variants() == judge_variants() == 1
    variant.refresh_from_db()
    assert (variant.state, variant.live) == (State.APPROVED, True)
    assert list(proposed()) == [variant]
    (entry,) = ApprovalRecord.objects.filter(act=Act.PROPOSED)
    assert "in “Test”" in entry.comment
    reviewing.retire(variant=variant, user=reviewer())
    assert not proposed().exists()
    assert judge_variants() == 0


def test_a_proposal_that_no_longer_holds_is_taken_back(variant, experiment):
    show_both(variant, 0.1, 0.3, n=600)
    judge_variants()
    show_both(variant, 0.5, 0.1, n=3000)
    assert judge_variants() == 0
    variant.refresh_from_db()
    assert variant.losing_since is None
    assert ApprovalRecord.objects.filter(act=Act.PROPOSED).count() == 1


@pytest.mark.slow
def test_equal_words_are_hardly_ever_proposed_and_intervals_hold_the_truth(variant, experiment):
    rng = np.random.default_rng(20)
    runs, losing, covered, alone = 60, 0, 0, 0
    for _run in range(runs):
        Event.objects.all().delete()
        show_both(variant, 0.2, 0.2, n=250, rng=rng)
        results = read_results(variant)
        low, high = results.comparison.interval
        losing += results.is_losing
        covered += low <= 0 <= high
        alone += results.variant.interval[0] <= 0.2 <= results.variant.interval[1]
    assert losing <= 0.05 * runs
    assert covered >= 0.95 * runs
    assert alone >= 0.88 * runs


@pytest.mark.slow
def test_a_true_loser_is_found(variant, experiment):
    rng = np.random.default_rng(21)
    found = 0
    for _run in range(10):
        Event.objects.all().delete()
        show_both(variant, 0.1, 0.25, n=600, rng=rng)
        results = read_results(variant)
        low, high = results.comparison.interval
        assert low <= 0.1 / 0.25 - 1 <= high
        found += results.is_losing
    assert found >= 8
