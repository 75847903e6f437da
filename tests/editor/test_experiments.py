"""Experiments in the admin: from an idea to a verdict, and nothing that anybody may not do."""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from personalization.experiments import services
from personalization.experiments.choices import Status
from personalization.experiments.models import Arm, Experiment, Metric
from personalization.slots.models import Slot
from tests.editor.conftest import login, staff
from tests.editor.test_permissions import judge
from tests.experiments.day_sums import write_day_sums
from tests.experiments.world import act, make_experiment
from tests.slots.world import make_item
from tests.variants.world import approved

AUTHOR = ("add_experiment", "change_experiment", "delete_experiment", "view_experiment")
ARM = {"weight": "1", "personalizes": "on", "policy": "", "model_version": "", "heading": "", "levels": ""}


def to(name: str, experiment: Experiment | None = None) -> str:
    return reverse(f"personalization_experiments:{name}", args=[experiment.pk] if experiment else [])


def text(response) -> str:
    return " ".join(response.content.decode().split())


def rows(prefix: str, objects: list[dict]) -> dict[str, str]:
    """The data of a formset."""
    initial = sum("id" in values for values in objects)
    data = {f"{prefix}-TOTAL_FORMS": str(len(objects)), f"{prefix}-INITIAL_FORMS": str(initial)}
    for number, values in enumerate(objects):
        data |= {f"{prefix}-{number}-{name}": str(value) for name, value in values.items()}
        data[f"{prefix}-{number}-ORDER"] = str(number + 1)
    return data


@pytest.fixture
def slot(db) -> Slot:
    return Slot.objects.create(key="home-top", name="Top of the home page", live=True)


@pytest.fixture
def seen(slot) -> Slot:
    """A slot that a visitor has seen."""
    act("somebody", "impression")
    return slot


@pytest.fixture
def roles(clients, db) -> dict[str, Client]:
    return clients | {
        "reader": login(staff("reader", "view_experiment")),
        "author": login(staff("author", *AUTHOR)),
        "runner": login(staff("runner", "view_experiment", "run_experiment")),
    }


@pytest.fixture
def draft(admin, slot) -> Experiment:
    """A draft as the first step leaves it."""
    data = {"name": "Similar first", "key": "similar-first", "slot": slot.pk, "hypothesis": "If similar, then clicks."}
    answer = admin.post(to("add"), data)
    experiment = Experiment.objects.get()
    assert answer.url == to("arms", experiment)
    return experiment


def arms_of(experiment: Experiment, **changes) -> list[dict]:
    control, other = experiment.arms.all()
    return [
        ARM | {"id": control.pk, "key": control.key, "name": control.name, "is_control": "on"},
        ARM | {"id": other.pk, "key": other.key, "name": other.name} | changes,
    ]


def arms_data(experiment: Experiment, arms: list[dict], **more) -> dict:
    division = {"allocation": "fixed", "floor": "5", "holdback": "10", "half_life_days": "14"}
    return rows("arms", arms) | division | more


def visitors_data(**more) -> dict:
    needed = {"coverage": "50", "holdout": "0", "minimum_effect": "10", "power": "0.8", "planned_visitors": "4000"}
    return needed | rows("namespaces", []) | {"flag": "", "starts_at": "", "ends_at": ""} | more


def test_the_steps_lead_from_an_idea_to_a_running_test(admin, draft, seen):
    answer = admin.post(to("arms", draft), arms_data(draft, arms_of(draft, policy="similar", name="Similar")))
    assert answer.url == to("metrics", draft)
    metric = {"id": draft.metrics.get().pk, "measure": "clicked", "role": "goal", "scope": "slot"}
    statistics = {"window_days": "7", "method": "sequential", "alpha": "0.05", "correction": "holm", "adjusts": "on"}
    data = rows("metrics", [metric | {"direction": "increase", "margin": "0"}]) | statistics
    answer = admin.post(to("metrics", draft), data)
    assert answer.url == to("visitors", draft)
    answer = admin.post(to("visitors", draft), visitors_data(devices=["phone"]))
    assert answer.url == to("inspect", draft)
    review = text(admin.get(answer.url))
    assert "Nothing stands in the way" in review
    assert "policy: Similar to the page" in review
    assert "Phone" in review
    answer = admin.post(to("start", draft), follow=True)
    assert "“Similar first” runs." in text(answer)
    draft.refresh_from_db()
    assert (draft.status, draft.coverage, draft.devices) == (Status.RUNNING, 50, ["phone"])
    assert draft.phase.weights == {"control": 1, "b": 1}


def start(experiment: Experiment) -> Experiment:
    services.start(experiment=experiment)
    return experiment


READERS = {"anonymous": "login", "outsider": "refused", "editor": "refused"} | dict.fromkeys(
    ("reader", "author", "runner", "admin"), "allowed"
)
AUTHORS = READERS | {"reader": "refused", "runner": "refused"}
RUNNERS = READERS | {"reader": "refused", "author": "refused"}
PAGES = {
    "index": READERS,
    "index_results": READERS,
    "inspect": READERS,
    "results": READERS,
    "history": READERS,
    "history_results": READERS,
    "usage": AUTHORS,
    "look": READERS,
    "add": AUTHORS,
    "edit": AUTHORS,
    "what": AUTHORS,
    "arms": AUTHORS,
    "metrics": AUTHORS,
    "visitors": AUTHORS,
    "plan": AUTHORS,
    "delete": AUTHORS,
    "start": RUNNERS,
    "schedule": RUNNERS,
    "unschedule": RUNNERS,
    "pause": RUNNERS,
    "resume": RUNNERS,
    "coverage": RUNNERS,
    "weights": RUNNERS,
    "end": RUNNERS,
}
STEPS = ("start", "schedule", "unschedule", "pause", "resume", "coverage", "weights", "end")
NOT_OF_ONE = ("index", "index_results", "add")


def address(page: str, experiment: Experiment) -> str:
    if page == "look":
        return reverse("personalization_experiments:look", args=[experiment.pk, "b"])
    return to(page, None if page in NOT_OF_ONE else experiment)


@pytest.mark.parametrize("role", READERS)
def test_pages_open_for_those_who_may(role, roles, draft):
    found = {page: judge(roles[role].get(address(page, draft))) for page in PAGES}
    assert found == {page: allowed[role] for page, allowed in PAGES.items()}


def test_every_page_is_judged_here():
    namespace = get_resolver("wagtail.admin.urls").namespace_dict["personalization_experiments"]
    assert {name for name in namespace[1].reverse_dict if isinstance(name, str)} == set(PAGES)


@pytest.mark.parametrize("role", ["anonymous", "outsider", "editor", "reader", "author"])
def test_no_step_is_taken_by_those_who_may_not(role, roles, draft, seen):
    for step in STEPS:
        assert judge(roles[role].post(to(step, draft))) == RUNNERS[role]
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT
    assert not ModelLogEntry.objects.filter(action__startswith="personalization.experiment").exists()


@pytest.mark.parametrize("role", ["reader", "runner"])
def test_no_draft_is_changed_by_those_who_may_not(role, roles, draft):
    before = Experiment.objects.values().get()
    for page in ("what", "arms", "metrics", "visitors", "edit", "delete"):
        assert judge(roles[role].post(to(page, draft))) == "refused"
    assert Experiment.objects.values().get() == before


def test_asking_changes_nothing(admin, draft, seen):
    experiments, entries = list(Experiment.objects.values()), ModelLogEntry.objects.count()
    for page in PAGES:
        admin.get(address(page, draft))
    start(draft)
    for page in PAGES:
        admin.get(address(page, draft))
    draft.refresh_from_db()
    assert draft.status == Status.RUNNING
    assert ModelLogEntry.objects.count() == entries + 1
    assert draft.phases.count() == 1
    unchanged = ("name", "coverage", "verdict", "starts_at")
    assert [experiments[0][name] for name in unchanged] == [getattr(draft, name) for name in unchanged]


@pytest.mark.parametrize("step", STEPS)
def test_steps_are_safe_from_other_sites(step, draft, seen):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="admin"))
    assert client.post(to(step, draft)).status_code == 403
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT


def test_a_refused_start_gives_the_reasons(admin, draft):
    review = text(admin.get(to("inspect", draft)))
    assert "It cannot start yet" in review
    assert "no visitor who allows analytics saw the slot" in review
    assert to("start", draft) not in review
    answer = text(admin.post(to("start", draft)))
    assert "Nothing was changed:" in answer
    assert "no visitor who allows analytics saw the slot" in answer
    draft.refresh_from_db()
    assert draft.status == Status.DRAFT


def test_the_whole_life_by_its_pages(roles, draft, seen):
    runner = roles["runner"]
    Arm.objects.filter(key="b").update(heading="Chosen")
    runner.post(to("start", draft))
    answers = [
        runner.post(to("pause", draft), follow=True),
        runner.post(to("resume", draft), follow=True),
        runner.post(to("coverage", draft), {"coverage": "25"}, follow=True),
        runner.post(to("weights", draft), {"weight_control": "3", "weight_b": "1"}, follow=True),
        runner.post(to("end", draft), {"verdict": "inconclusive", "decision": "Too few came."}, follow=True),
    ]
    told = ["is paused.", "runs again.", "was changed.", "A new phase", "has ended."]
    assert all(words in text(answer) for words, answer in zip(told, answers, strict=True))
    history = text(runner.get(to("history", draft)))
    assert "Ended: inconclusive. Too few came." in history
    assert "Phase 2 begins, with the weights control 3, b 1" in history
    assert "25 % instead of 100 %" in history
    draft.refresh_from_db()
    assert (draft.status, draft.verdict, draft.coverage) == (Status.ENDED, "inconclusive", 25)


def test_shipping_needs_the_permission_to_publish_the_slot(roles, admin, draft, seen):
    Arm.objects.filter(key="b").update(heading="Chosen")
    write_day_sums(start(draft), {"control": 0.1, "b": 0.2}, visitors=1000)
    ship = {"verdict": "ship", "arm": "b", "decision": "Better."}
    assert "which you may not" in text(roles["runner"].post(to("end", draft), ship))
    assert "has ended." in text(admin.post(to("end", draft), ship, follow=True))
    assert Slot.objects.get().heading == "Chosen"


def test_an_experiment_is_scheduled_and_unscheduled(admin, draft):
    assert to("schedule", draft) not in text(admin.get(to("inspect", draft)))
    Experiment.objects.update(starts_at=timezone.now() + timedelta(days=1))
    assert to("schedule", draft) in text(admin.get(to("inspect", draft)))
    assert "is scheduled." in text(admin.post(to("schedule", draft), follow=True))
    assert "is a draft again." in text(admin.post(to("unschedule", draft), follow=True))


def test_what_runs_is_frozen(admin, draft, seen):
    arms = arms_data(draft, arms_of(draft, heading="Later"))
    start(draft)
    for page in ("edit", "what", "arms", "metrics", "visitors", "delete"):
        assert admin.get(to(page, draft)).url == to("inspect", draft)
    assert "frozen" in text(admin.post(to("arms", draft), arms, follow=True))
    admin.post(to("delete", draft))
    assert Arm.objects.get(key="b").heading == ""


def test_a_draft_can_be_deleted(admin, draft):
    admin.post(to("delete", draft))
    assert not Experiment.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda arms: arms[1].update(key="control"), "duplicate"),
        (lambda arms: arms[1].update(is_control="on"), "exactly one arm"),
        (lambda arms: arms[0].pop("is_control"), "exactly one arm"),
        (lambda arms: arms[1].update(weight="0"), "At least two arms need a weight"),
        (lambda arms: arms[1].update(weight="-1"), "greater than or equal to 0"),
        (lambda arms: arms[1].update(DELETE="on"), "at least 2"),
        (lambda arms: arms[1].update(heading="For {visitor.shoe_size}"), "is not known"),
        (lambda arms: arms[1].update(policy="guess"), "not one of the available choices"),
        (lambda arms: arms[1].update(levels="ranking"), "Write each factor with its level"),
        (lambda arms: arms[1].update(policy="similar") or arms[1].pop("personalizes"), "nothing else of the arm"),
    ],
)
def test_arms_that_cannot_be_are_refused(admin, draft, change, words):
    arms = arms_of(draft)
    change(arms)
    answer = admin.post(to("arms", draft), arms_data(draft, arms))
    assert answer.status_code == 200
    assert words in text(answer)
    assert Arm.objects.filter(heading="", policy="", weight=1).count() == 2


def test_an_arm_may_do_without_personalization(admin, draft):
    arms = arms_of(draft)
    arms[1].pop("personalizes")
    assert admin.post(to("arms", draft), arms_data(draft, arms)).url == to("metrics", draft)
    assert not Arm.objects.get(key="b").personalizes


def test_a_bandit_has_room_for_its_least_shares(admin, draft):
    data = arms_data(draft, arms_of(draft), allocation="thompson", floor="60")
    assert "add up to more than 100" in text(admin.post(to("arms", draft), data))


def test_one_metric_must_be_a_goal(admin, draft):
    metric = {"id": draft.metrics.get().pk, "measure": "clicked", "role": "guardrail", "scope": "slot", "margin": "0"}
    data = rows("metrics", [metric | {"direction": "increase"}]) | {"window_days": "7", "method": "fixed"}
    answer = admin.post(to("metrics", draft), data | {"alpha": "0.05", "correction": "holm"})
    assert "At least one metric must be a goal" in text(answer)
    assert Metric.objects.get().role == "goal"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"flag": "nowhere"}, "There is no flag of this name"),
        ({"devices": ["fridge"]}, "fridge is not one of the available choices"),
        ({"locales": ["xx"]}, "xx is not one of the available choices"),
        ({"coverage": "101"}, "less than or equal to 100"),
        ({"starts_at": "2027-05-02 10:00", "ends_at": "2027-05-01 10:00"}, "must come after the start"),
        (rows("namespaces", [{"namespace": "top", "start": "0.5", "end": "0.5"}]), "more than the number before"),
    ],
)
def test_visitors_who_cannot_be_are_refused(admin, draft, data, words):
    assert words in text(admin.post(to("visitors", draft), visitors_data(**data)))


def test_the_calculator_follows_the_form_and_saves_nothing(admin, draft, seen):
    for number in range(200):
        act(f"visitor{number}", "impression", at=timezone.now() - timedelta(days=1 + number % 20))
        if number % 5 == 0:
            act(f"visitor{number}", "click", at=timezone.now() - timedelta(days=1 + number % 20))
    asked = {"coverage": "100", "holdout": "0", "minimum_effect": "10", "power": "0.8"}
    sizes = [needed(admin.get(to("plan", draft), asked | {"minimum_effect": effect})) for effect in ("10", "40")]
    assert sizes[0] > 4 * sizes[1] > 0
    assert "Visitors who click" in text(admin.get(to("visitors", draft)))
    crooked = text(admin.get(to("plan", draft), asked | {"power": "2"}))
    assert "Fill in the percentages" in crooked
    draft.refresh_from_db()
    assert (draft.minimum_effect, draft.planned_visitors) == (10, None)


def needed(answer) -> int:
    return int(re.search(r'data-planned="(\d+)"', text(answer))[1])


def test_the_slot_is_shown_as_an_arm_has_it(admin, draft, make_item):
    make_item("An item")
    Arm.objects.filter(key="b").update(heading="Chosen for you")
    look = partial(reverse, "personalization_experiments:look")
    assert "Chosen for you" in text(admin.get(look(args=[draft.pk, "b"])))
    assert "Chosen for you" not in text(admin.get(look(args=[draft.pk, "control"])))
    assert admin.get(look(args=[draft.pk, "nobody"])).status_code == 404
    Arm.objects.filter(key="b").update(heading="", personalizes=False)
    assert "does without; the fallback is shown" in text(admin.get(look(args=[draft.pk, "b"])))
    assert Slot.objects.get().personalizes


class TestList:
    def test_an_empty_one_says_what_an_experiment_is(self, admin):
        assert "No experiments yet: an experiment shows part of the visitors" in text(admin.get(to("index")))

    def test_each_tells_how_it_stands(self, admin, slot):
        running = make_experiment("running", planned_visitors=20_000)
        write_day_sums(running, {"control": 0.1, "b": 0.1}, days=5, visitors=500)
        broken = make_experiment("broken")
        write_day_sums(broken, {"control": 0.1, "b": 0.1}, days=5, visitors={"control": 500, "b": 300})
        listed = text(admin.get(to("index")))
        assert "30 days" in listed
        assert "of 20,000 visitors (2" in listed
        assert "fault: " in listed

    def test_it_can_be_filtered(self, admin, slot):
        for status in ("running", "ended"):
            make_experiment(f"was-{status}", status=status)
        listed = text(admin.get(to("index_results"), {"status": "ended"}))
        assert "Was-Ended" in listed
        assert "Was-Running" not in listed


def test_a_planned_end_that_has_passed_is_told_and_ends_nothing(admin, slot):
    experiment = make_experiment(ends_at=timezone.now() - timedelta(days=1))
    assert "The planned end" in text(admin.get(to("inspect", experiment)))
    assert Experiment.objects.get().status == Status.RUNNING


def test_groups_can_be_given_the_permission_to_run_experiments(admin):
    page = admin.get(reverse("wagtailusers_groups:add")).content.decode()
    permission = Permission.objects.get(codename="run_experiment")
    assert f'value="{permission.pk}"' in page


def test_an_arm_may_ask_for_words(admin, draft, seen):
    author = User.objects.get(username="editor")
    author.user_permissions.add(*Permission.objects.filter(codename__in=("add_variant", "change_variant")))
    approved(make_item(1), headline="In short", label="short")
    form = text(admin.get(to("arms", draft)))
    assert "Variants labelled “short”" in form
    assert admin.post(to("arms", draft), arms_data(draft, arms_of(draft, wording="long"))).status_code == 200
    answer = admin.post(to("arms", draft), arms_data(draft, arms_of(draft, wording="short")))
    assert answer.url == to("metrics", draft)
    assert "words: variants labelled “short”" in text(admin.get(to("inspect", draft)))
    seen.languages = "any"
    seen.save()
    look = reverse("personalization_experiments:look", args=[draft.pk, "b"])
    assert "In short" in text(admin.get(look))
    Arm.objects.filter(key="b").update(wording="original")
    assert "words: the originals only" in text(admin.get(to("inspect", draft)))
    assert "In short" not in text(admin.get(look))
