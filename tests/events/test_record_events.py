import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from personalization.catalog import snapshot
from personalization.catalog.models import Embedding
from personalization.events import tokens
from personalization.events.models import Event
from personalization.events.services import NewEvent, log_exposures, record_events
from personalization.events.tokens import DecisionToken
from personalization.events.validation import DETAILS
from personalization.visitors import profiles, services
from personalization.visitors.models import Profile
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"


@pytest.fixture
def visitor():
    return make_visitor()


@pytest.fixture(autouse=True)
def items(db):
    make_item("page:1", words="rockets orbit planets", tags=["space"])
    make_item("page:2", words="flour oven bread", tags=["food"])
    make_item("page:3", words="rockets engines thrust", tags=["space", "engines"])


def token_for(visitor, *keys, **fields):
    facts = {"slot_key": "home-top", "arm_key": "a1", "visitor_key": visitor.key if visitor else ""}
    token = DecisionToken(decision_id=uuid.uuid4(), item_keys=keys or ("page:1", "page:2"), **(facts | fields))
    return token, tokens.issue(token)


def view(key="page:1", **fields):
    return NewEvent(kind="view", item_key=key, **fields)


def record(visitor, *events, personalize=True, user_agent=""):
    return record_events(visitor=visitor, events=events, personalize=personalize, user_agent=user_agent)


def codes(outcome):
    return [(rejection.index, rejection.code) for rejection in outcome.rejected]


def profile_of(visitor):
    return Profile.objects.filter(visitor__key=visitor.key).first()


def rejected_total(code):
    return REGISTRY.get_sample_value("personalization_events_rejected_total", {"code": code}) or 0


def test_a_view_is_stored_and_learned_at_once(visitor):
    outcome = record(visitor, view(), user_agent=PHONE)
    row = Event.objects.get()
    assert outcome.accepted == 1
    assert (row.kind, row.visitor_key, row.item_key) == ("view", visitor.key, "page:1")
    assert (row.for_analytics, row.for_personalization) == (True, True)
    learned = profile_of(visitor)
    assert learned.recent[0][0] == "page:1"
    assert learned.tags == {"space": 1.0}
    assert learned.device == "phone"
    assert learned.embedding_model == "dummy-64"
    assert profiles.interest_of(learned).any()


def test_what_one_reads_draws_the_interest_towards_it(visitor):
    record(visitor, view("page:1"), view("page:3"))
    from_snapshot = profiles.interest_of(profile_of(visitor))
    other = make_visitor()
    record(other, view("page:2"))
    assert from_snapshot @ profiles.interest_of(profile_of(other)) < 0


def test_nobody_without_consent_leaves_a_trace():
    assert codes(record(None, view())) == [(0, "no_consent")]
    assert not Event.objects.exists()


def test_a_visitor_erased_meanwhile_leaves_no_trace(visitor):
    services.delete_visitor(key=visitor.key)
    assert codes(record(visitor, view())) == [(0, "no_consent")]
    assert not Event.objects.exists()


def test_analytics_alone_teaches_no_profile():
    visitor = make_visitor(personalization=False)
    assert record(visitor, view()).accepted == 1
    assert (Event.objects.get().for_analytics, Event.objects.get().for_personalization) == (True, False)
    assert profile_of(visitor) is None


def test_personalization_alone_is_not_for_analytics():
    visitor = make_visitor(analytics=False)
    record(visitor, view())
    assert (Event.objects.get().for_analytics, Event.objects.get().for_personalization) == (False, True)
    assert profile_of(visitor)


def test_a_browsers_refusal_takes_personalization_away(visitor):
    record(visitor, view(), personalize=False)
    assert (Event.objects.get().for_analytics, Event.objects.get().for_personalization) == (True, False)
    assert profile_of(visitor) is None
    only_personal = make_visitor(analytics=False)
    assert codes(record(only_personal, view(), personalize=False)) == [(0, "no_consent")]


def test_crawlers_are_not_counted(visitor):
    assert codes(record(visitor, view(), user_agent=GOOGLEBOT)) == [(0, "crawler")]
    assert not Event.objects.exists()


def test_slot_arm_item_and_position_come_from_the_token(visitor):
    token, raw = token_for(visitor)
    record(visitor, NewEvent(kind="impression", token=raw, item_key="page:2"))
    row = Event.objects.get()
    assert (row.slot_key, row.arm_key, row.item_key, row.position) == ("home-top", "a1", "page:2", 1)
    assert row.decision_id == token.decision_id


def test_the_item_of_a_decision_with_a_single_one_need_not_be_named(visitor):
    record(visitor, NewEvent(kind="click", token=token_for(visitor, "page:3")[1]))
    assert Event.objects.get().item_key == "page:3"


def test_a_token_for_nobody_serves_whoever_consented_since(visitor):
    assert record(visitor, NewEvent(kind="click", token=token_for(None)[1], item_key="page:1")).accepted == 1


@pytest.mark.parametrize("kind", ["impression", "click"])
def test_events_about_slots_must_bring_a_token(visitor, kind):
    assert codes(record(visitor, NewEvent(kind=kind, item_key="page:1"))) == [(0, "token_required")]


def test_forged_stale_and_foreign_tokens_are_refused_and_counted(visitor):
    raw = token_for(visitor)[1]
    stale = token_for(visitor, issued_at=timezone.now() - timedelta(hours=7))[1]
    foreign = token_for(make_visitor())[1]
    before = rejected_total("foreign_token")
    bad = [NewEvent(kind="click", token=token, item_key="page:1") for token in (raw[:-2], stale, foreign)]
    outcome = record(visitor, *bad, view())
    assert codes(outcome) == [(0, "bad_token"), (1, "stale_token"), (2, "foreign_token")]
    assert outcome.accepted == Event.objects.count() == 1
    assert rejected_total("foreign_token") == before + 1


def test_one_event_id_counts_once_in_a_batch_and_across_batches(visitor):
    event = view()
    assert codes(record(visitor, event, event)) == [(1, "duplicate")]
    outcome = record(visitor, view("page:2"), event, view("page:3"))
    assert codes(outcome) == [(1, "duplicate")]
    assert outcome.accepted == 2
    assert Event.objects.count() == 3
    assert profile_of(visitor).counts == {"view": 3}


def test_one_event_id_counts_once_for_all_visitors(visitor):
    event = view()
    record(visitor, event)
    assert codes(record(make_visitor(), event)) == [(0, "duplicate")]


def test_an_id_used_for_an_impression_is_used_up_for_a_click(visitor):
    raw, event_id = token_for(visitor)[1], uuid.uuid4()
    record(visitor, NewEvent(id=event_id, kind="impression", token=raw, item_key="page:1"))
    outcome = record(visitor, NewEvent(id=event_id, kind="click", token=raw, item_key="page:1"))
    assert codes(outcome) == [(0, "duplicate")]


@pytest.mark.parametrize("kind", ["impression", "click"])
def test_a_replayed_token_counts_once_for_each_item_and_kind_whatever_the_event_ids(visitor, kind):
    raw = token_for(visitor)[1]
    replays = [NewEvent(kind=kind, token=raw, item_key="page:1") for _ in range(5)]
    assert record(visitor, *replays).accepted == 1
    assert codes(record(visitor, replays[4])) == [(0, "duplicate")]
    assert record(visitor, NewEvent(kind=kind, token=raw, item_key="page:2")).accepted == 1


def test_conversions_of_one_decision_each_count(visitor):
    raw = token_for(visitor)[1]
    sales = [NewEvent(kind="conversion", goal="order", value=9.5, token=raw) for _ in range(2)]
    assert record(visitor, *sales).accepted == 2
    assert profile_of(visitor).value == 19.0


NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (NewEvent(kind="exposure", item_key="page:1"), "server_only"),
        (NewEvent(kind="purchase\x00", item_key="page:1"), "unknown_kind"),
        (NewEvent(kind="view"), "item_required"),
        (NewEvent(kind="view", item_key="page:99"), "unknown_item"),
        (NewEvent(kind="view", item_key="page:1\x00"), "unknown_item"),
        (NewEvent(kind="view", item_key="x" * 10_000), "unknown_item"),
        (NewEvent(kind="conversion"), "goal_required"),
        (NewEvent(kind="custom"), "goal_required"),
        (NewEvent(kind="conversion", goal="x" * 61), "bad_goal"),
        (NewEvent(kind="conversion", goal="a\x00b"), "bad_goal"),
        (NewEvent(kind="conversion", goal="\ud800"), "bad_goal"),
        (NewEvent(kind="conversion", goal="order", value=math.nan), "bad_value"),
        (NewEvent(kind="conversion", goal="order", value=math.inf), "bad_value"),
        (NewEvent(kind="conversion", goal="order", value=10**400), "bad_value"),
        (NewEvent(kind="scroll", item_key="page:1"), "bad_value"),
        (NewEvent(kind="scroll", item_key="page:1", value=101), "bad_value"),
        (NewEvent(kind="dwell", item_key="page:1"), "bad_duration"),
        (NewEvent(kind="dwell", item_key="page:1", duration_ms=-1), "bad_duration"),
        (NewEvent(kind="dwell", item_key="page:1", duration_ms=10**30), "bad_duration"),
        (view(occurred_at=datetime(2030, 1, 1)), "naive_time"),  # noqa: DTZ001
        (view(occurred_at=datetime.min.replace(tzinfo=UTC)), "too_old"),
        (view(occurred_at=datetime.max.replace(tzinfo=UTC)), "future_time"),
    ],
)
def test_what_cannot_be_believed_is_refused_with_its_reason_and_harms_no_other_event(visitor, event, code):
    before = rejected_total(code)
    outcome = record(visitor, event, view("page:2"))
    assert codes(outcome) == [(0, code)]
    assert outcome.rejected[0].detail == str(DETAILS[code])
    assert outcome.accepted == Event.objects.count() == 1
    assert rejected_total(code) == before + 1


def test_an_item_that_was_not_shown_is_refused(visitor):
    raw = token_for(visitor)[1]
    bad = [NewEvent(kind="click", token=raw, item_key="page:3"), NewEvent(kind="click", token=raw)]
    assert codes(record(visitor, *bad)) == [(0, "item_not_shown"), (1, "item_required")]


def test_a_clock_that_is_a_little_fast_is_set_right(visitor):
    record(visitor, view(occurred_at=timezone.now() + timedelta(hours=3)))
    assert Event.objects.get().occurred_at <= timezone.now()


def test_events_kept_while_offline_keep_their_time(visitor):
    yesterday = timezone.now() - timedelta(days=1)
    record(visitor, view("page:2"))
    record(visitor, view("page:1", occurred_at=yesterday))
    assert Event.objects.get(item_key="page:1").occurred_at == yesterday
    assert [entry[0] for entry in profile_of(visitor).recent] == ["page:1", "page:2"]


def test_an_item_published_a_moment_ago_is_known(visitor):
    record(visitor, view())
    make_item("page:4", words="new")
    assert record(visitor, view("page:4")).accepted == 1


def test_a_new_embedding_model_relearns_the_interest(visitor, settings):
    record(visitor, view("page:1"))
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"EMBEDDER_OPTIONS": {"dimensions": 32}}
    for embedding in Embedding.objects.all():
        embedding.model, embedding.vector = "dummy-32", embedding.vector[: 32 * 4]
        embedding.save()
    snapshot.forget()
    record(visitor, NewEvent(kind="custom", goal="hello"))
    assert profile_of(visitor).embedding_model == "dummy-32"
    assert profiles.interest_of(profile_of(visitor)).shape == (32,)


def test_a_batch_costs_few_queries(visitor, django_assert_max_num_queries):
    record(visitor, view())
    raw = token_for(visitor)[1]
    batch = [NewEvent(kind="impression", token=raw, item_key=key) for key in ("page:1", "page:2")]
    # Epoch; savepoint, visitor, savepoint, insert, release, profile, release.
    with django_assert_max_num_queries(8):
        record(visitor, *batch, *(view(f"page:{n % 3 + 1}") for n in range(18)))


def test_exposures_are_recorded_once_and_only_with_consent_to_analytics(visitor):
    token, _raw = token_for(visitor)
    foreign, _raw = token_for(make_visitor())
    log_exposures(visitor=visitor, tokens=[token, foreign])
    log_exposures(visitor=visitor, tokens=[token])
    row = Event.objects.get()
    assert (row.kind, row.decision_id, row.slot_key, row.source) == (
        "exposure",
        token.decision_id,
        "home-top",
        "server",
    )
    silent = make_visitor(analytics=False)
    assert log_exposures(visitor=silent, tokens=[token_for(silent)[0]]) == 0
    assert log_exposures(visitor=None, tokens=[token]) == 0
    assert Event.objects.count() == 1


def test_exposures_of_a_page_are_one_query(visitor, django_assert_num_queries):
    decided = [token_for(visitor)[0] for _ in range(6)]
    with django_assert_num_queries(1):
        log_exposures(visitor=visitor, tokens=decided)
