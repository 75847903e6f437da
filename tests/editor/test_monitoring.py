"""Model health and fairness in the admin: who may see and do what, and what the pages say."""

from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from personalization import tasks
from personalization.monitoring.measures import MEASURES
from personalization.monitoring.models import (
    Alert,
    AlertSubscription,
    FairnessAudit,
    ItemGroup,
    Reading,
    Threshold,
)
from personalization.training.models import ModelVersion
from tests.editor.conftest import login, staff
from tests.editor.test_permissions import judge

HEALTH = reverse("personalization_health:index")
THRESHOLDS = reverse("personalization_health:thresholds")
FAIRNESS = reverse("personalization_fairness:index")
HOME = reverse("wagtailadmin_home")


def text(response) -> str:
    return unescape(" ".join(response.content.decode().split()))


@pytest.fixture
def serving(version: ModelVersion) -> ModelVersion:
    ModelVersion.objects.update(status=ModelVersion.Status.PROMOTED, promoted_at=timezone.now())
    version.refresh_from_db()
    return version


@pytest.fixture
def measured(serving: ModelVersion) -> ModelVersion:
    """A version with readings of three days: the hour has changed, clicks have fallen, the rest is fine."""
    drifted = {"largest": [["22", 0.0, 0.48], ["09", 0.1, 0.02]], "noise": 0.05, "n": [120, 110]}
    numbers = {"largest": [["≤ 3", 0.1, 0.3]], "noise": 0.05, "ks": 0.2, "p_value": 0.0004, "n": [120, 110]}
    fallen = {"level": 0.02, "reference": 0.05, "p_value": 0.0, "n": [900, 800]}
    for day in range(3):
        at = timezone.now() - timedelta(days=2 - day)
        for metric, part, value, status, detail in (
            ("hour", "", 0.2 + day / 10, "alert" if day else "warn", drifted),
            ("history_length", "", 0.11, "ok", numbers),
            ("click_rate", "", 0.6, "alert", fallen),
            ("click_rate", "place 1", 0.0, "ok", {"level": 0.04, "n": [400], "clicked": 16}),
            ("site", "", 0.0, "little", {"largest": [], "noise": None, "n": [4, 3]}),
            ("not_embedded", "", 0.05, "ok", {"n": [60]}),
            ("ranking_disorder", "", 0.1, "ok", {"auc": 0.61, "n": [700]}),
            ("ranking_disorder", "decile 1", 0.0, "ok", {"level": 0.01, "n": [70], "clicked": 1}),
        ):
            Reading.objects.create(
                metric=metric,
                slice=part,
                value=value,
                status=status,
                warn=None if metric == "ranking_disorder" else 0.1,
                alert=None if metric == "ranking_disorder" else 0.25,
                detail=detail,
                version=serving,
                window_from=at - timedelta(days=7),
                window_until=at,
                reference_from=at - timedelta(days=21),
                reference_until=at - timedelta(days=14),
                measured_at=at,
            )
    return serving


@pytest.fixture
def alert(measured: ModelVersion) -> Alert:
    return Alert.objects.create(metric="hour", value=0.4, worst=0.4, threshold=0.25, version=measured)


RESULTS = {
    "places": 10,
    "sides": {
        name: {
            "ndcg": 0.31,
            "recall": 0.2,
            "visitors": 88,
            "item_parity": parity,
            "item_opportunity": None,
            "visitor_parity": 0.1,
            "visitor_opportunity": 0.05,
            "groups": [
                {"group": group, "items": 20, "catalog": 0.5, "interest": 0.4, "exposure": part, "selected": 0.1}
                for group, part in (("oven", exposure), ("", 1 - exposure))
            ],
            "segments": [
                {"segment": "1–2", "visitors": 40, "ndcg": 0.2, "recall": 0.1, "hit": 0.5, "found": 0.25},
            ],
            "by_segment": {},
        }
        for name, parity, exposure in (("as it is", 0.3, 0.1), ("reweighted", 0.2, 0.2), ("shared out", 0.1, 0.45))
    },
    "edge_cases": [
        {"name": "nothing read", "events": 0, "items": ["Bread", "Moss"], "tags": [["oven", 2]], "broken": []},
        {"name": "one item", "events": 1, "items": ["Moss"], "tags": [], "broken": ["unseen"]},
    ],
}


@pytest.fixture
def audit(serving: ModelVersion) -> FairnessAudit:
    return FairnessAudit.objects.create(grouping="tag", status="done", version=serving, results=RESULTS)


def test_without_a_version_the_page_says_what_it_will_show(admin):
    page = text(admin.get(HEALTH))
    assert "No model version serves yet" in page
    assert "Measure now" not in page


def test_before_the_first_measurement_it_says_when_that_will_be(admin, serving):
    page = text(admin.get(HEALTH))
    assert "Nothing has been measured yet" in page
    assert "Measure now" in page


def test_the_latest_readings_stand_in_their_families(admin, measured):
    page = text(admin.get(HEALTH))
    assert "No open alerts" in page
    assert page.index("Is what is ranked high chosen?") < page.index("Visitors and what they do")
    assert "22:00 0.0 % → 48.0 %" in page
    assert "5.0 % → 2.0 %" in page
    assert "60.0 %" in page
    assert "0.61 of pairs" in page
    assert "May be chance: ≤ 3 10.0 % → 30.0 %" in page
    assert "Too little to tell" in page
    assert "Place 1" not in page


def test_an_open_alert_stands_above_everything(admin, alert):
    page = text(admin.get(HEALTH))
    assert "1 open alert" in page
    assert "is 0.400; the threshold is 0.25" in page
    assert page.index("the threshold is") < page.index("Is what is ranked high chosen?")


def test_an_alert_is_acknowledged_and_leaves_the_dashboard(admin, alert):
    assert "1 model alert" in text(admin.get(HOME))
    answer = admin.post(reverse("personalization_health:acknowledge", args=[alert.pk]), follow=True)
    assert "is acknowledged" in text(answer)
    assert "Acknowledged by admin" in text(answer)
    assert "model alert" not in text(admin.get(HOME))
    assert ModelLogEntry.objects.get(action="personalization.acknowledge").user.username == "admin"
    assert admin.post(reverse("personalization_health:acknowledge", args=[alert.pk])).status_code == 404


def test_the_dashboard_tells_only_those_who_may_know(clients, alert):
    assert "model alert" not in text(clients["editor"].get(HOME))
    assert "1 model alert" in text(login(staff("operator", "view_reading")).get(HOME))


def test_alerts_of_the_past_are_listed(admin, alert):
    Alert.objects.update(recovered_at=timezone.now())
    page = text(admin.get(HEALTH))
    assert "Alerts of the past" in page
    assert "No open alerts" in page


def test_a_measure_has_its_history_and_what_it_is_made_of(admin, measured):
    page = text(admin.get(reverse("personalization_health:inspect", args=["hour"])))
    assert "Over time" in page
    assert "threshold 0.250" in page
    assert "09:00" in page
    assert "up to 0.050" in page
    page = text(admin.get(reverse("personalization_health:inspect", args=["history_length"])))
    assert "distance 0.200, p-value 0.0004" in page
    page = text(admin.get(reverse("personalization_health:inspect", args=["click_rate"])))
    assert "Place 1" in page
    assert "The figure itself" in page
    page = text(admin.get(reverse("personalization_health:inspect", args=["ranking_disorder"])))
    assert "Tenth 1 by score" in page


def test_every_measure_has_a_page_even_before_it_was_measured(admin):
    for metric, measure in MEASURES.items():
        page = text(admin.get(reverse("personalization_health:inspect", args=[metric])))
        assert "This has not been measured yet" in page
        assert str(measure.label) in page


def test_a_measure_that_does_not_exist_has_none(admin):
    assert admin.get(reverse("personalization_health:inspect", args=["mood"])).status_code == 404


def test_measuring_is_left_to_a_worker(admin, serving, monkeypatch, django_capture_on_commit_callbacks):
    asked = []
    monkeypatch.setattr(tasks.measure_drift, "delay", lambda: asked.append(1))
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin.post(reverse("personalization_health:measure"), follow=True)
    assert "A worker measures now" in text(answer)
    assert asked == [1]


def test_alerts_by_email_are_wanted_and_no_longer(admin):
    user = User.objects.get(username="admin")
    answer = admin.post(reverse("personalization_health:subscribe"), {"wanted": "1"}, follow=True)
    assert "has no email address" in text(answer)
    assert AlertSubscription.objects.get().user == user
    assert "No more alerts by email" in text(answer)
    admin.post(reverse("personalization_health:subscribe"), {"wanted": "0"})
    assert not AlertSubscription.objects.exists()


def test_thresholds_are_kept_where_they_differ_from_the_defaults(admin):
    page = text(admin.get(THRESHOLDS))
    assert 'placeholder="0.25"' in page
    assert 'aria-label="Hour of the day: alert from"' in page
    answer = admin.post(THRESHOLDS, {"warn_hour": "0.2", "alert_hour": "0.5", "alert_device": "0.25"}, follow=True)
    assert "The thresholds are saved" in text(answer)
    assert list(Threshold.objects.values_list("metric", "warn", "alert")) == [("hour", 0.2, 0.5)]
    assert 'value="0.5"' in text(admin.get(THRESHOLDS))
    admin.post(THRESHOLDS, {})
    assert not Threshold.objects.exists()


def test_thresholds_that_make_no_sense_are_refused(admin):
    page = text(admin.post(THRESHOLDS, {"warn_hour": "0.5", "alert_device": "-1"}))
    assert "To watch must not begin above the alert." in page
    assert "greater than or equal to 0" in page
    assert not Threshold.objects.exists()


def test_before_the_first_audit_the_page_explains_it(admin, serving):
    page = text(admin.get(FAIRNESS))
    assert "Nothing has been audited yet" in page
    assert "No audits yet" in page
    assert "Audit now" in page


def test_an_audit_is_left_to_a_worker(admin, serving, monkeypatch, django_capture_on_commit_callbacks):
    asked = []
    monkeypatch.setattr(tasks.audit_fairness, "delay", asked.append)
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(reverse("personalization_fairness:start"), {"grouping": "author"})
    audit = FairnessAudit.objects.get()
    assert asked == [audit.pk]
    assert (audit.grouping, audit.asked_by.username) == ("author", "admin")
    assert "Audit: Waiting for a worker" in text(admin.get(reverse("personalization_fairness:progress")))
    answer = admin.post(reverse("personalization_fairness:start"), {"grouping": "mood"}, follow=True)
    assert "Choose what puts items into groups" in text(answer)


def test_an_audits_page_has_its_tables_and_plots(admin, audit):
    page = text(admin.get(reverse("personalization_fairness:inspect", args=[audit.pk])))
    assert "With reweighted interactions" in page
    assert "0.3000" in page
    assert "Judged by 88 visitors" in page
    assert "45.0 %" in page
    assert "no group" in page
    assert "1–2" in page
    assert "something read already is shown" in page
    assert "Part of the exposure" in page


def test_an_audit_that_failed_says_why(admin, audit):
    FairnessAudit.objects.update(status="failed", results={}, message="The worker was lost.")
    assert "The worker was lost." in text(admin.get(FAIRNESS))
    assert "The worker was lost." in text(admin.get(reverse("personalization_fairness:inspect", args=[audit.pk])))


def test_editors_define_item_groups(admin):
    add = reverse("wagtailsnippets_personalization_itemgroup:add")
    admin.post(add, {"name": "Baking", "tags": "oven, dough", "author": "", "locale": ""})
    assert ItemGroup.objects.get().tags == "oven, dough"
    page = text(admin.get(reverse("wagtailsnippets_personalization_itemgroup:list")))
    assert "Baking" in page


PAGES = {
    "personalization_health:index": "view_reading",
    "personalization_health:inspect hour": "view_reading",
    "personalization_health:thresholds": "change_threshold",
    "personalization_fairness:index": "view_fairnessaudit",
    "personalization_fairness:index_results": "view_fairnessaudit",
    "personalization_fairness:progress": "view_fairnessaudit",
    "personalization_fairness:inspect audit": "view_fairnessaudit",
    "wagtailsnippets_personalization_itemgroup:list": "change_itemgroup",
}
CHANGES = {
    "personalization_health:measure": "add_reading",
    "personalization_health:subscribe": "view_reading",
    "personalization_health:acknowledge alert": "change_alert",
    "personalization_health:thresholds": "change_threshold",
    "personalization_fairness:start": "add_fairnessaudit",
}


@pytest.fixture
def address(alert: Alert, audit: FairnessAudit):
    words = {"hour": "hour", "alert": alert.pk, "audit": audit.pk}

    def find(page: str) -> str:
        name, _, argument = page.partition(" ")
        return reverse(name, args=[words[argument]] if argument else [])

    return find


def test_pages_open_for_those_who_may(address, site):
    other = login(staff("other", "view_item"))
    for number, (page, permission) in enumerate(PAGES.items()):
        allowed = login(staff(f"allowed {number}", permission))
        found = {name: judge(client.get(address(page))) for name, client in roles(other, allowed).items()}
        assert found == {"anonymous": "login", "other": "refused", "allowed": "allowed"}, page


def test_changes_are_made_by_those_who_may(address, site):
    other = login(staff("other", "view_item"))
    for number, (page, permission) in enumerate(CHANGES.items()):
        allowed = login(staff(f"allowed {number}", permission))
        found = {name: judge(client.post(address(page))) for name, client in roles(other, allowed).items()}
        assert found == {"anonymous": "login", "other": "refused", "allowed": "allowed"}, page


def roles(other: Client, allowed: Client) -> dict[str, Client]:
    return {"anonymous": Client(), "other": other, "allowed": allowed}


def test_groups_can_be_given_these_permissions(admin):
    page = admin.get(reverse("wagtailusers_groups:add")).content.decode()
    ours = Permission.objects.filter(content_type__app_label="personalization")
    offered = {permission.codename for permission in ours if f'value="{permission.pk}"' in page}
    assert offered >= {
        *("view_reading", "add_reading", "change_alert", "change_threshold"),
        *("view_fairnessaudit", "add_fairnessaudit", "add_itemgroup", "change_itemgroup"),
    }
    assert not offered & {"change_reading", "delete_alert", "change_fairnessaudit", "add_reference"}


def test_the_email_leads_to_the_page(alert, settings):
    settings.WAGTAILADMIN_BASE_URL = "https://www.example.org"
    body = Template('{% include "personalization/monitoring/alert_email.txt" %}').render(Context({"raised": [alert]}))
    assert f"https://www.example.org{HEALTH}" in body
    assert "- Hour of the day: 0.400 (threshold 0.250)" in body
