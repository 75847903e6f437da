"""Probabilities of a click beside clicks, week after week: from events to the page that people look at."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization import tasks
from personalization.monitoring.models import Alert, Reading
from personalization.monitoring.services import measure_drift
from personalization.recommend.scorers import SCORERS, Popular
from tests.monitoring.world import make_catalog, make_version, write_showings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]

OWN_TASTE, OTHER_TASTE = 0.5, 0.1
WEEK = timedelta(days=7)
LABEL = "Calibration error of probabilities"


@pytest.fixture
def engaged():
    """A version that knows since two weeks ago which half of the catalog a visitor clicks five times as often."""
    make_catalog()
    until, chances = timezone.now() - 2 * WEEK, (OWN_TASTE, OTHER_TASTE)
    write_showings(until=until, weeks=3, per_visitor=20, chances=chances, visitors=200)
    return make_version(popular=Popular(), engagement=SCORERS["engagement"]())


def page(client: Client, name: str, *args: str) -> str:
    return unescape(" ".join(client.get(reverse(f"personalization_health:{name}", args=args)).content.decode().split()))


def last_reading() -> Reading:
    return Reading.objects.whole().filter(metric="calibration_error").first()


def test_probabilities_that_come_true_are_fine_and_those_that_do_not_raise_an_alert(engaged, admin_client):
    now = timezone.now()
    write_showings(until=now - WEEK, per_visitor=8, chances=(OWN_TASTE, OTHER_TASTE), seed=1)
    measure_drift(now=now - WEEK)
    before = last_reading()
    assert (before.status, before.detail["n"]) == ("ok", [800])
    assert before.value < 0.1
    assert before.detail["happened"] == pytest.approx((OWN_TASTE + OTHER_TASTE) / 2, abs=0.05)
    assert before.detail["stated"] == pytest.approx(before.detail["happened"], abs=0.05)

    # Nothing that could be counted has changed but whom an item is clicked by.
    write_showings(until=now, per_visitor=8, chances=(OTHER_TASTE, OWN_TASTE), seed=2)
    tasks.measure_drift()
    after = last_reading()
    assert (after.status, after.version) == ("alert", engaged)
    # Who is said to click one in two clicks one in ten, and the other way round.
    assert after.value == pytest.approx(OWN_TASTE - OTHER_TASTE, abs=0.1)
    assert after.detail["stated"] == pytest.approx(after.detail["happened"], abs=0.05)
    assert Alert.objects.open().filter(metric="calibration_error").exists()

    index = page(admin_client, "index")
    row = index[index.rindex(LABEL) :]
    assert "Alert" in row[: row.index("</tr>")]
    assert f"{100 * after.value:.1f} %" in row[: row.index("</tr>")]
    told = page(admin_client, "inspect", "calibration_error")
    assert told.index("Over time") < told.index("Expected") < told.index("Clicked")
    weeks = [(reading.detail["stated"], reading.detail["happened"]) for reading in (before, after)]
    numbers = [float(number) for number in re.findall(r'slot-number">([\d.]+)<', told)]
    assert numbers == pytest.approx([before.value, after.value, *weeks[0], *weeks[1]], abs=0.001)


def test_clicks_that_stay_away_are_noticed_and_told_in_words(engaged, admin_client):
    write_showings(until=timezone.now(), per_visitor=8, chances=(0.02, 0.02))
    tasks.measure_drift()
    reading = last_reading()
    assert (reading.status, round(reading.detail["happened"], 2)) == ("alert", 0.02)
    shares = [f"{100 * reading.detail[name]:.1f} %" for name in ("stated", "happened")]
    assert "{} were expected to be clicked, {} were".format(*shares) in page(admin_client, "index")


def test_what_chance_may_do_is_no_miscalibration(engaged):
    write_showings(until=timezone.now(), per_visitor=1, visitors=60, chances=(OWN_TASTE, OTHER_TASTE), seed=5)
    tasks.measure_drift()
    reading = last_reading()
    assert reading.warn <= reading.value < reading.detail["noise"]
    assert reading.status == "ok"
