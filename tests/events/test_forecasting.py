"""Forecasts from events: kept in profiles for those who allow it, and as rows for editors."""

from datetime import timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from personalization import tasks
from personalization.events.forecasting import AHEAD_DAYS, HISTORY_DAYS, forecast_tags, forecast_visits
from personalization.events.models import Event, TagForecast
from personalization.events.privacy import erase_visitor, export_visitor, store_choice
from personalization.visitors import profiles
from personalization.visitors.matching import Facts, state_of_return
from personalization.visitors.models import Profile, Visitor
from personalization.visitors.profiles import Signal
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db


def add_events(visitor: Visitor, days_ago: list[float], *, kind: str = "view", item: str = "moon", **fields) -> None:
    now = timezone.now()
    given = {"for_analytics": True, "for_personalization": True, **fields}
    Event.objects.bulk_create(
        Event(kind=kind, visitor_key=visitor.key, item_key=item, occurred_at=now - timedelta(days=days), **given)
        for days in days_ago
    )


def make_reader(days_ago: list[float], **consent) -> Visitor:
    visitor = make_visitor(**consent)
    if visitor.consent.personalization:
        Profile.objects.create(visitor=visitor)
    add_events(visitor, days_ago)
    return visitor


def returns_of(visitor: Visitor) -> dict:
    return Profile.objects.get(visitor=visitor).returns


def weekly(last: float, *, times: int = 8) -> list[float]:
    return [last + 7 * n for n in range(times)]


def state(visitor: Visitor, goal: str = "visit", days_later: float = 0.0) -> str:
    now = timezone.now() + timedelta(days=days_later)
    return state_of_return(goal, Facts(now=now, may_personalize=True, profile=Profile.objects.get(visitor=visitor)))


def test_each_visitors_rhythm_is_kept_in_the_profile():
    punctual, late, once = make_reader(weekly(6.5)), make_reader(weekly(40.0)), make_reader([3.0])
    told = forecast_visits()
    assert (told.visitors, told.states) == (3, {"due": 1, "overdue": 1, "unknown": 1})
    assert returns_of(punctual)["visit"]["typical"] == pytest.approx(7.0, rel=0.1)
    assert [state(visitor) for visitor in (punctual, late, once)] == ["due", "overdue", "unknown"]
    assert state(punctual, days_later=30) == "overdue"


def test_the_report_says_how_earlier_forecasts_would_have_done():
    random = np.random.default_rng(0)
    for _ in range(20):
        make_reader((1.0 + np.cumsum(random.gamma(9.0, 0.8, size=9))).tolist())
    figures = forecast_visits().figures
    assert figures["auto"]["mase"] < figures["naive"]["mase"] == 1.0
    assert figures["auto"]["points"] == 20 * 7


def test_many_events_of_one_visit_count_once():
    visitor = make_reader([day + minute / 1440 for day in weekly(6.5) for minute in (0, 5, 20)])
    forecast_visits()
    assert returns_of(visitor)["visit"]["typical"] == pytest.approx(7.0, rel=0.1)


def test_conversions_have_a_rhythm_of_their_own():
    visitor = make_reader(weekly(1.0, times=20))
    add_events(visitor, [29.0, 58.0, 87.0, 116.0], kind="conversion", goal="order")
    forecast_visits()
    assert returns_of(visitor)["conversion"]["typical"] > 2 * returns_of(visitor)["visit"]["typical"]
    assert state(visitor, "conversion") == "due"


def test_who_has_just_converted_is_not_due_any_more():
    visitor = make_reader([])
    add_events(visitor, [29.0, 58.0, 87.0, 116.0], kind="conversion", goal="order")
    forecast_visits()
    assert state(visitor, "conversion") == "due"
    profile = Profile.objects.get(visitor=visitor)
    profiles.fold(profile, [Signal("conversion", "moon", 3.0, timezone.now())], embedding_model="")
    profile.save()
    assert state(visitor, "conversion") == "early"


def test_only_what_may_be_used_is_read():
    refusing = make_reader(weekly(6.5), personalization=False)
    quarantined = make_reader([])
    add_events(quarantined, weekly(6.5), verdict="burst")
    withdrawn = make_reader([])
    add_events(withdrawn, weekly(6.5), for_personalization=False)
    assert forecast_visits().visitors == 2
    assert not Profile.objects.filter(visitor=refusing).exists()
    assert returns_of(quarantined) == returns_of(withdrawn) == {}


def test_again_changes_nothing_and_an_old_forecast_goes_with_its_events():
    visitor = make_reader(weekly(6.5))
    forecast_visits()
    before = returns_of(visitor)
    forecast_visits()
    assert returns_of(visitor)["visit"] == before["visit"]
    Event.objects.all().delete()
    forecast_visits()
    assert returns_of(visitor) == {}


def test_a_forecast_is_exported_erased_withdrawn_and_joined_with_the_profile():
    visitor = make_reader(weekly(6.5))
    forecast_visits()
    assert export_visitor(key=visitor.key)["profile"]["returns"] == returns_of(visitor)
    other = Profile(visitor=make_visitor())
    profiles.merge(other, Profile.objects.get(visitor=visitor))
    assert other.returns == returns_of(visitor)
    store_choice(visitor=visitor, analytics=True, personalization=False)
    assert not Profile.objects.filter(visitor=visitor).exists()
    assert set(erase_visitor(key=visitor.key).values()) == {0}


def test_what_a_visitor_teaches_meanwhile_is_not_overwritten():
    visitor = make_reader(weekly(6.5))
    revision = Visitor.objects.get(pk=visitor.pk).revision
    Profile.objects.filter(visitor=visitor).update(tags={"moon": 2.0})
    forecast_visits()
    assert Visitor.objects.get(pk=visitor.pk).revision > revision
    assert Profile.objects.get(visitor=visitor).tags == {"moon": 2.0}


@pytest.fixture
def busy_tag() -> Visitor:
    """Three readings a day on five days of the week for seven weeks, of one tag; another tag only lately."""
    make_item("moon", tags=["space"])
    make_item("soup", tags=["kitchen"])
    visitor = make_reader([])
    noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
    for day in range(1, 50):
        at = noon - timedelta(days=day)
        ago = (timezone.now() - at).total_seconds() / 86_400
        if at.weekday() < 5:
            add_events(visitor, [ago] * 3)
        if day <= 10:
            add_events(visitor, [ago], item="soup")
    return visitor


def test_demand_is_forecast_tag_by_tag(busy_tag):
    told = forecast_tags()
    space, kitchen = TagForecast.objects.order_by("-expected")
    assert (told.tags, space.tag, kitchen.tag) == (2, "space", "kitchen")
    assert (len(space.history), len(space.mean)) == (HISTORY_DAYS, AHEAD_DAYS)
    assert (space.lately, kitchen.lately) == (30.0, 10.0)
    assert space.expected == pytest.approx(30.0, abs=4)
    weekend = [(space.today + timedelta(days=day)).weekday() >= 5 for day in range(AHEAD_DAYS)]
    assert np.mean(np.array(space.mean)[weekend]) < 1 < 2 < np.mean(np.array(space.mean)[~np.array(weekend)])
    assert told.figures["auto"]["points"] >= AHEAD_DAYS


def test_tomorrows_forecast_takes_the_place_of_todays(busy_tag):
    forecast_tags()
    forecast_tags()
    assert TagForecast.objects.count() == 2
    Event.objects.filter(item_key="soup").delete()
    forecast_tags()
    assert [row.tag for row in TagForecast.objects.all()] == ["space"]


def test_demand_counts_what_may_be_measured_on_whole_days(busy_tag):
    Event.objects.update(for_analytics=False)
    assert forecast_tags().tags == 0
    add_events(busy_tag, [0.0], item="soup")
    assert forecast_tags().tags == 0


def test_the_command_says_what_came_of_it(busy_tag):
    make_reader(weekly(6.5))
    out = StringIO()
    call_command("forecast", stdout=out, no_color=True)
    said = " ".join(out.getvalue().split())
    assert "2 visitors: " in said
    assert "2 tags for the next two weeks" in said
    assert "Relative error" in said


def test_the_tasks_do_the_same(busy_tag):
    assert tasks.forecast_visits() == 1
    assert tasks.forecast_tags() == 2
    assert tasks.discover_segments() == 0
