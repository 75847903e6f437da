from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.visitors import profiles
from personalization.visitors.models import Profile
from personalization.visitors.profiles import Signal

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HALF_LIFE = timedelta(days=14)
EAST, NORTH = np.array([1, 0], dtype=np.float32), np.array([0, 1], dtype=np.float32)
VECTORS = {"a": EAST, "b": NORTH, "c": (EAST + NORTH) / np.sqrt(2, dtype=np.float32)}
MODEL = "model-1"


def signal(key="a", at=NOON, kind="view", weight=1.0, **fields):
    return Signal(kind=kind, item_key=key, weight=weight, at=at, vector=VECTORS.get(key), **fields)


def learned(*signals, model=MODEL):
    profile = Profile()
    profiles.fold(profile, signals, embedding_model=model)
    return profile


def test_what_was_read_a_half_life_ago_counts_half():
    profile = learned(signal("a", NOON, tags=("sea",)), signal("b", NOON + HALF_LIFE, tags=("hills",)))
    assert profiles.interest_of(profile) == pytest.approx([0.5, 1.0])
    assert profile.interest_weight == pytest.approx(1.5)
    assert profile.frequency == pytest.approx(1.5)
    assert profile.tags == pytest.approx({"sea": 0.5, "hills": 1.0})
    assert profile.updated_at == NOON + HALF_LIFE


def test_tags_are_ranked_with_their_affinity_as_of_now():
    profile = learned(signal(tags=("sea", "salt")), signal(tags=("sea",)))
    assert profiles.top_tags(profile, NOON + HALF_LIFE, 2) == [("sea", pytest.approx(1)), ("salt", pytest.approx(0.5))]
    assert len(profiles.top_tags(profile, NOON, 1)) == 1


events = st.lists(
    st.builds(
        signal,
        key=st.sampled_from(["a", "b", "c", "unknown"]),
        at=st.integers(0, 400).map(lambda hours: NOON + timedelta(hours=hours)),
        weight=st.sampled_from([0.5, 1.0, 3.0]),
        tags=st.sampled_from([(), ("sea",), ("sea", "hills")]),
    ),
    min_size=1,
    max_size=12,
)


@given(events, st.data())
def test_the_order_and_the_batches_in_which_events_arrive_do_not_matter(signals, data):
    shuffled = data.draw(st.permutations(signals))
    cut = data.draw(st.integers(0, len(signals)))
    at_once, in_parts = learned(*signals), Profile()
    for part in (shuffled[:cut], shuffled[cut:]):
        profiles.fold(in_parts, part, embedding_model=MODEL)
    for profile in (at_once, in_parts):
        # As of one moment: the one that saw the last event in its first batch and the other agree.
        profiles._move_to(profile, NOON + timedelta(days=30))
    assert in_parts.interest_weight == pytest.approx(at_once.interest_weight, rel=1e-4)
    assert in_parts.tags == pytest.approx(at_once.tags, rel=1e-4)
    assert in_parts.frequency == pytest.approx(at_once.frequency, rel=1e-4)
    assert in_parts.counts == at_once.counts
    assert {key: weight for key, weight, _at in in_parts.recent} == pytest.approx(
        {key: weight for key, weight, _at in at_once.recent}, rel=1e-3
    )
    if at_once.interest:
        assert profiles.interest_of(in_parts) == pytest.approx(profiles.interest_of(at_once), rel=1e-3, abs=1e-6)


@given(events)
def test_interest_can_be_relearned_from_the_recent_items_for_a_new_embedding_model(signals):
    profile = learned(*signals)
    before = profiles.interest_of(profile)
    after = signal("unknown", profile.updated_at)
    profiles.fold(profile, [after], embedding_model="model-2", vector_of=VECTORS.get)
    assert profile.embedding_model == "model-2"
    if before is None:
        assert profile.interest is None
    else:
        assert profiles.interest_of(profile) == pytest.approx(before, rel=1e-3, abs=1e-4)


def test_vectors_of_two_models_are_never_added():
    profile = learned(signal("a"))
    longer = Signal(kind="view", item_key="z", weight=1, at=NOON, vector=np.ones(3, dtype=np.float32))
    profiles.fold(profile, [longer], embedding_model="model-2", vector_of=lambda key: None)
    assert profiles.interest_of(profile) == pytest.approx([1, 1, 1])


def test_recent_items_are_distinct_bounded_and_newest_first():
    hours = [NOON + timedelta(hours=n) for n in range(150)]
    profile = learned(*(signal(f"i{n}", at) for n, at in enumerate(hours)), signal("i149", hours[149]))
    recent = profiles.recent_items(profile)
    assert len(recent) == 100
    assert recent[0][:2] == ("i149", 2.0)
    assert recent[1][0] == "i148"
    assert [key for key, _weight, _at in profiles.recent_items(profile, 2)] == ["i149", "i148"]


def test_impressions_are_counted_until_the_item_is_opened():
    seen = [signal("a", kind="impression", weight=0), signal("b", kind="impression", weight=0)]
    profile = learned(*seen, *seen)
    assert profile.shown == {"a": 2, "b": 2}
    assert profile.recent == []
    assert profile.interest is None
    profiles.fold(profile, [signal("a", kind="click")], embedding_model=MODEL)
    assert profile.shown == {"b": 2}
    assert profile.counts == {"impression": 4, "click": 1}


def test_an_item_without_an_embedding_is_remembered_but_moves_no_interest():
    zeros = Signal(kind="view", item_key="new", weight=1, at=NOON, vector=np.zeros(2, dtype=np.float32))
    profile = learned(zeros)
    assert profile.interest is None
    assert profile.interest_weight == 0
    assert profiles.recent_items(profile)[0][0] == "new"


def test_conversions_add_up_their_value():
    profile = learned(signal(kind="conversion", value=3.5), signal(kind="conversion", value=None), signal(value=9.0))
    assert profile.value == 3.5


def test_history_of_long_ago_still_has_a_direction():
    profile = learned(signal("a", datetime(1998, 1, 1, tzinfo=UTC)))
    assert profiles.interest_of(profile) == pytest.approx([1.0, 0.0])


def test_two_profiles_merge_as_if_all_had_happened_to_one_visitor():
    first, second = [signal("a", NOON, tags=("sea",), device="phone")], [signal("b", NOON + HALF_LIFE, tags=("sea",))]
    for one, other in ((first, second), (second, first)):
        merged, together = learned(*one), learned(*first, *second)
        profiles.merge(merged, learned(*other))
        assert profiles.interest_of(merged) == pytest.approx(profiles.interest_of(together))
        assert merged.tags == pytest.approx(together.tags)
        assert merged.recent == together.recent
        assert merged.counts == together.counts
        assert merged.last_interaction_at == NOON + HALF_LIFE
        assert merged.device == "phone"


def test_a_dwell_counts_in_proportion_to_a_minute():
    assert profiles.weight_of("dwell", 30_000) == 0.5
    assert profiles.weight_of("dwell", 600_000) == 1.0
    assert profiles.weight_of("dwell", None) == 0.0
    assert profiles.weight_of("impression") == 0.0


def test_what_is_dismissed_is_remembered_until_it_is_liked():
    profile = learned(signal("a", kind="dismiss", weight=0), signal("b", NOON + HALF_LIFE, kind="dismiss", weight=0))
    assert list(profile.dismissed) == ["a", "b"]
    assert profile.recent == []
    profiles.fold(profile, [signal("a", NOON + 2 * HALF_LIFE, kind="like")], embedding_model=MODEL)
    assert profile.dismissed == {"b": (NOON + HALF_LIFE).timestamp()}
    assert profiles.as_plain(profile)["dismissed"] == profile.dismissed


def test_a_merged_profile_keeps_what_either_dismissed():
    mine, theirs = (learned(signal(key, kind="dismiss", weight=0)) for key in "ab")
    profiles.merge(mine, theirs)
    assert mine.dismissed.keys() == {"a", "b"}


def test_only_the_latest_dismissals_are_kept(monkeypatch):
    monkeypatch.setattr(profiles, "MOST_DISMISSED", 2)
    days = [signal(key, NOON + n * timedelta(days=1), kind="dismiss", weight=0) for n, key in enumerate("abc")]
    assert list(learned(*days).dismissed) == ["b", "c"]
