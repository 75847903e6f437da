"""Reading experiments, and what nobody can do to them from outside: name an arm, or change a sum by a false claim."""

import base64
import json
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from personalization.events import tokens
from personalization.events.keys import issue_key
from personalization.events.models import Event, Kind
from personalization.events.tokens import DecisionToken
from personalization.experiments.models import DaySum, Experiment, Phase
from personalization.experiments.results import read_results
from personalization.experiments.sums import rebuild_sums, refresh_sums
from personalization.visitors.identity import HEADER, sign_key
from tests.experiments.world import act, expose, make_experiment
from tests.slots.world import make_items, make_slot, make_visitor

pytestmark = pytest.mark.django_db

API = "/api/personalization/v1/"
LIST = f"{API}experiments/"
RESULTS = f"{API}experiments/test/results/"


def user(name: str, *codenames: str, **fields) -> User:
    made = User.objects.create_user(name, password="secret", **fields)
    made.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return made


@pytest.fixture
def reader() -> Client:
    client = Client()
    client.force_login(user("reader", "view_experiment"))
    return client


@pytest.fixture
def experiment() -> Experiment:
    """Two arms, in which forty visitors each were shown the slot two days ago; a few of them clicked."""
    experiment = make_experiment(metrics=("clicked", {"measure": "converted", "goal": "sale", "scope": "site"}))
    at = timezone.now() - timedelta(days=2)
    for arm, clicks in (("control", 5), ("b", 12)):
        for number in range(40):
            expose(experiment, f"{arm}{number}", arm, at=at)
            if number < clicks:
                act(f"{arm}{number}", at=at + timedelta(minutes=5))
    refresh_sums(experiment=experiment)
    experiment.refresh_from_db()
    return experiment


def test_experiments_are_listed_with_arms_and_metrics(reader, experiment):
    make_experiment("draft", status="draft")
    first, second = reader.get(LIST).json()["experiments"]
    assert (first["key"], second["key"]) == ("draft", "test")
    assert (second["slot"], second["status"], second["verdict"]) == ("home-top", "running", "")
    assert [(arm["key"], arm["is_control"]) for arm in second["arms"]] == [("control", True), ("b", False)]
    assert [(metric["measure"], metric["scope"]) for metric in second["metrics"]] == [
        ("clicked", "slot"),
        ("converted", "site"),
    ]


def test_the_list_costs_no_more_for_more_experiments(reader, django_assert_max_num_queries):
    for number in range(10):
        make_experiment(f"test-{number}")
    with django_assert_max_num_queries(7):
        assert len(reader.get(LIST).json()["experiments"]) == 10


def test_results_are_those_of_the_admins_page(reader, experiment):
    answer = reader.get(RESULTS).json()
    true, told = read_results(experiment), answer["results"]
    assert (answer["experiment"], told["summary"], told["state"]) == ("test", true.summary, true.verdict_state)
    assert told["phase"]["number"] == 1
    assert [check["code"] for check in told["checks"]] == [check.code for check in true.checks]
    clicked, arms = told["metrics"][0], true.metrics[0].arms
    assert clicked["key"] == true.metrics[0].key == reader.get(LIST).json()["experiments"][0]["metrics"][0]["key"]
    assert [(arm["key"], arm["n"], arm["mean"]) for arm in clicked["arms"]] == [("control", 40, 0.125), ("b", 40, 0.3)]
    assert clicked["arms"][1]["comparison"]["effect"] == pytest.approx(arms[1].comparison.effect)
    assert clicked["arms"][0]["comparison"] is None
    assert told["progress"]["n"] == 80
    assert [day["n"] for day in told["progress"]["daily"]] == [80]


def test_what_is_not_bounded_yet_is_null(reader):
    experiment = make_experiment()
    expose(experiment, "one", "control", at=timezone.now() - timedelta(days=1))
    expose(experiment, "two", "b", at=timezone.now() - timedelta(days=1))
    refresh_sums(experiment=experiment)
    treatment = reader.get(RESULTS).json()["results"]["metrics"][0]["arms"][1]
    assert treatment["comparison"]["interval"] == [None, None]


def test_results_are_read_from_sums_and_not_from_events(reader, experiment):
    before = reader.get(RESULTS).json()["results"]["metrics"]
    Event.objects.all().delete()
    assert reader.get(RESULTS).json()["results"]["metrics"] == before


def test_a_test_that_has_not_begun_says_so(reader, experiment):
    Phase.objects.all().delete()
    told = reader.get(RESULTS).json()["results"]
    assert (told["phase"], told["metrics"]) == (None, [])
    assert "not begun" in told["summary"]


def test_an_earlier_phase_can_be_asked_for(reader, experiment):
    Phase.objects.create(experiment=experiment, number=2, weights={"control": 1, "b": 3})
    assert reader.get(RESULTS).json()["results"]["progress"]["n"] == 0
    assert reader.get(RESULTS, {"phase": 1}).json()["results"]["progress"]["n"] == 80


@pytest.mark.parametrize("phase", ["0", "3", "-1", "", "one", "²", "9" * 5000])
def test_a_phase_that_is_none_is_not_found(reader, experiment, phase):
    answer = reader.get(RESULTS, {"phase": phase})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_experiment")


def test_only_who_may_see_experiments_sees_them_and_whether_there_are_any(experiment):
    nobody = Client()
    editor, left = Client(), Client()
    editor.force_login(user("editor", "change_slot", "view_slot", is_staff=True))
    left.force_login(user("left", "view_experiment"))
    User.objects.filter(username="left").update(is_active=False)
    answers = [
        client.get(address)
        for client in (nobody, editor, left)
        for address in (LIST, RESULTS, f"{API}experiments/none/results/")
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "not_allowed")}
    assert len({answer.content for answer in answers}) == 1


def test_a_reader_is_told_of_an_experiment_that_is_not_there(reader):
    answer = reader.get(RESULTS)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_experiment")


def test_a_program_is_known_as_the_sites_other_apis_know_it(experiment):
    user("program", "view_experiment")
    basic = {"Authorization": "Basic " + base64.b64encode(b"program:secret").decode()}
    assert Client().get(RESULTS, headers=basic).status_code == 200
    raw = issue_key(name="shop")[1]
    assert Client().get(RESULTS, headers={"Authorization": f"Bearer {raw}"}).status_code == 403


def test_who_guesses_passwords_is_held_up(settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_THROTTLES": {"experiments": "2/min"}}
    wrong = {"Authorization": "Basic " + base64.b64encode(b"reader:guess").decode()}
    assert [Client().get(LIST, headers=wrong).status_code for _ in range(3)] == [403, 403, 429]


def test_nothing_can_be_changed_here_and_no_cache_keeps_it(reader, experiment):
    assert "no-store" in reader.get(RESULTS)["Cache-Control"]
    for address in (LIST, RESULTS):
        for method in ("post", "put", "patch", "delete"):
            assert getattr(reader, method)(address).status_code in (403, 405)


# What the world outside can do to the sums.


@pytest.fixture
def served() -> Experiment:
    make_items(8)
    make_slot(size=2, heading="For you", diversity=0)
    experiment = make_experiment(
        metrics=("clicked", "click_rate", {"measure": "converted", "goal": "sale", "scope": "site"})
    )
    experiment.arms.filter(key="b").update(heading="Something else")
    experiment.save()
    return experiment


@pytest.fixture
def visitor(served):
    return make_visitor()


def post(path, body, visitor=None, **headers):
    given = {HEADER: sign_key(visitor.key)} if visitor else {}
    return Client().post(f"{API}{path}", json.dumps(body), content_type="application/json", headers=given | headers)


def decide(visitor, **named):
    body = {"slots": ["home-top"], "context": {"url": "/", **named}, **named}
    return post("decisions/", body, visitor).json()["decisions"][0]


def click(decision, **fields):
    item = decision["items"][0]["key"]
    return {"id": str(uuid.uuid4()), "kind": "click", "token": decision["token"], "item": item} | fields


def tell(visitor, *events):
    """The codes with which events were refused."""
    return [one["code"] for one in post("events/", {"events": events}, visitor).json()["rejected"]]


def sums_of(experiment):
    rebuild_sums(experiment=experiment)
    return list(DaySum.objects.order_by("arm_key").values("day", "arm_key", "n", "sums"))


def other_arm(experiment, arm_key):
    seed, _colon, arm = arm_key.partition(":")
    return f"{seed}:{'b' if arm == 'control' else 'control'}"


def test_an_exposure_and_a_click_bear_the_arm_of_the_decision(served, visitor):
    decision = decide(visitor)
    assert tell(visitor, click(decision)) == []
    arms = dict(Event.objects.values_list("kind", "arm_key"))
    assert arms["click"] == arms["exposure"]
    assert arms["click"] in ("test.1:control", "test.1:b")
    assert (decision["heading"] == "Something else") is arms["click"].endswith(":b")
    assert [(row["arm_key"], row["n"]) for row in sums_of(served)] == [(arms["click"].partition(":")[2], 1)]


def test_a_client_that_names_an_arm_is_not_heard(served, visitor):
    own = tokens.read(decide(visitor)["token"], now=timezone.now()).arm_key
    wanted = other_arm(served, own)
    arm = wanted.partition(":")[2]
    named = {"arm": arm, "arm_key": wanted, "experiment": "test", "variation": arm, "seed": "x", "bucket": 0.1}
    decision = decide(visitor, **named)
    assert tokens.read(decision["token"], now=timezone.now()).arm_key == own
    assert tell(visitor, click(decision, **named)) == []
    assert set(Event.objects.values_list("arm_key", flat=True)) == {own}
    query = "&".join(f"{name}={value}" for name, value in named.items())
    fragment = Client().get(
        f"{API}slots/home-top/fragment/?url=/&{query}", headers={HEADER: sign_key(visitor.key), "X-Arm": arm}
    )
    assert ("Something else" in fragment.content.decode()) is own.endswith(":b")


def test_forged_replayed_and_late_claims_change_no_sum(served, visitor):
    decision, stranger = decide(visitor), make_visitor()
    told = click(decision)
    assert tell(visitor, told) == []
    before = sums_of(served)
    assert before[0]["n"] == 1
    token = tokens.read(decision["token"], now=timezone.now())
    wanted = other_arm(served, token.arm_key)
    signed = decision["token"].rpartition(":")
    arm = json.dumps([token.decision_id.hex, "home-top", wanted])
    old = DecisionToken(
        decision_id=uuid.uuid4(),
        slot_key="home-top",
        arm_key=wanted,
        visitor_key=visitor.key,
        item_keys=token.item_keys,
        issued_at=timezone.now() - timedelta(hours=7),
    )
    unlike = base64.urlsafe_b64encode(arm.encode()).decode().rstrip("=")
    refused = {
        "forged": (click(decision, token=f"{unlike}:{signed[2]}"), "bad_token"),
        "unsigned": (click(decision, token=signed[0]), "bad_token"),
        "expired": (click(decision, token=tokens.issue(old)), "stale_token"),
        "sent twice": (told, "duplicate"),
        "told twice": (click(decision), "duplicate"),
        "late": (click(decision, occurred_at="2020-01-01T00:00:00Z"), "too_old"),
        "without token": (click(decision, token=None, arm_key=wanted), "token_required"),
        "exposure": (click(decision, kind=Kind.EXPOSURE, arm_key=wanted), "server_only"),
    }
    for name, (claim, code) in refused.items():
        assert tell(visitor, claim) == [code], name
    assert tell(stranger, click(decision)) == ["foreign_token"]
    assert tell(None, click(decision)) == ["no_consent"]
    assert sums_of(served) == before


def test_an_outcome_counts_only_after_an_exposure_and_within_the_window(served, visitor):
    at = timezone.now() - timedelta(days=6)
    Experiment.objects.update(window_days=2)
    served.refresh_from_db()
    expose(served, visitor, "b", at=at)
    raw, metric = issue_key(name="shop")[1], served.metrics.get(measure="converted")

    def sell(owner, moment):
        sale = {"id": str(uuid.uuid4()), "visitor": sign_key(owner.key), "goal": "sale", "occurred_at": str(moment)}
        answer = post("conversions/", {"conversions": [sale]}, Authorization=f"Bearer {raw}")
        assert answer.json()["accepted"] == 1
        return sum(row["sums"][str(metric.pk)]["post_total"] for row in sums_of(served))

    assert sell(visitor, at - timedelta(hours=1)) == 0
    assert sell(visitor, at + timedelta(days=3)) == 0
    assert sell(make_visitor(), at + timedelta(hours=1)) == 0
    assert sell(visitor, at + timedelta(hours=1)) == 1
    assert sell(visitor, at + timedelta(hours=2)) == 1
