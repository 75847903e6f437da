"""Every page of ours in the admin, asked for and sent to by every role: nothing widens by guessing an address.

A page without a verdict fails: whoever adds one says here who may open it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.events.keys import issue_key
from personalization.events.models import Event, TagForecast
from personalization.events.quarantine import set_aside
from personalization.monitoring.models import Alert, FairnessAudit, ItemGroup, Reading
from personalization.variants.models import (
    ApprovalRecord,
    Budget,
    GenerationPart,
    GenerationRequest,
    PromptTemplate,
    RuleSet,
)
from personalization.variants.roles import ROLES
from personalization.visitors.models import Segment
from tests.editor.conftest import EDITOR, login
from tests.editor.test_permissions import judge
from tests.editor.walk import Page, address, pages, rows_of_ours
from tests.experiments.world import make_experiment
from tests.variants.world import editor as author
from tests.variants.world import make_draft, submitted

# Who may, besides superusers; "-" is nobody but them, "none" not even they. What is sent without being asked for by
# its own form, such as a forged post, is judged as the page is.
EVERYBODY = "outsider editor reviewer administrator"
ALL_ROLES = "editor reviewer administrator"
VERDICTS = {
    "personalization_budgets": {"administrator": "*"},
    "personalization_demand": {"-": "*"},
    "personalization_experiments": {"-": "*"},
    "personalization_fairness": {"-": "*"},
    "personalization_health": {"-": "*"},
    "personalization_item_chooser": {EVERYBODY: "*"},
    "personalization_items": {"editor": "*"},
    "personalization_quarantine": {"-": "*"},
    "personalization_queue": {ALL_ROLES: "*"},
    "personalization_records": {ALL_ROLES: "*"},
    "personalization_requests": {
        "editor": "ask estimate",
        "editor administrator": "index index_results inspect progress stop resume",
    },
    "personalization_runs": {"editor": "index index_results inspect progress", "-": "start"},
    "personalization_sender_keys": {"-": "*"},
    "personalization_variant_report": {ALL_ROLES: "*"},
    "personalization_variants": {
        ALL_ROLES: "list list_results inspect review frame",
        "editor": "add preview_on_add",
        "editor reviewer": (
            "edit preview_on_edit submit usage history history_results revisions_compare revisions_revert "
            "revisions_view workflow_history workflow_history_detail"
        ),
        "reviewer": "retire collect_workflow_action_data workflow_preview",
        # Wagtail's own answers to everybody: that there is nothing to do, or the name of the workflow.
        EVERYBODY: "workflow_action confirm_workflow_cancellation",
        "-": "delete lock unlock",
        "none": "unpublish revisions_unschedule",
    },
    "personalization_versions": {"editor": "index index_results inspect compare", "-": "promote archive roll_back"},
    "wagtailsnippetchoosers_personalization_itemgroup": {EVERYBODY: "*"},
    "wagtailsnippetchoosers_personalization_segment": {EVERYBODY: "*"},
    "wagtailsnippetchoosers_personalization_slot": {EVERYBODY: "*"},
    "wagtailsnippets_personalization_itemgroup": {"-": "*"},
    "wagtailsnippets_personalization_prompttemplate": {"administrator": "*"},
    "wagtailsnippets_personalization_ruleset": {"administrator": "*"},
    "wagtailsnippets_personalization_segment": {"-": "*"},
    "wagtailsnippets_personalization_slot": {
        "editor": (
            "list list_results add edit delete usage history history_results copy preview_as preview_as_choose "
            "preview_on_add preview_on_edit revisions_compare revisions_revert revisions_unschedule revisions_view "
            "unpublish"
        ),
        "-": "lock unlock",
    },
    "personalization_judge": {EVERYBODY: "*"},
}
HUGE = (0, 2**63, 10**30)
# What is no verdict of a page.
PLAIN = (400, 404, 405, 500)
# Wagtail's streams want to know how many blocks there are.
STREAMS = {"pool-count": 0, "rules-count": 0, "examples-count": 0}


@pytest.fixture
def people(site) -> dict[str, Client]:
    """One browser for each role; roles come by groups, as sites give them."""
    made = {"anonymous": Client(), "superuser": login(User.objects.create_superuser("superuser"))}
    for role in ("outsider", *ROLES):
        user = author() if role == "editor" else User.objects.create_user(role)
        user.user_permissions.clear()
        group = Group.objects.create(name=role)
        codenames = ("access_admin", *ROLES.get(role, ()), *(EDITOR if role == "editor" else ()))
        group.permissions.set(Permission.objects.filter(codename__in=codenames))
        user.groups.add(group)
        made[role] = login(user)
    return made


@pytest.fixture
def parts(people, slot, version, make_item) -> dict[str, dict[str, Any]]:
    """What the addresses of each room are made of."""
    slot.save_revision()
    segment = Segment.objects.create(key="new", name="New visitors")
    segment.save_revision()
    item = make_item("Night sky", text="Stars above the town.")
    variant = make_draft(item, headline="Stars above the sleeping town")
    state = submitted(variant)
    variant.refresh_from_db()
    template = PromptTemplate.objects.create(name="House style")
    template.save_revision()
    rules = RuleSet.objects.create(name="House rules")
    rules.save_revision()
    asked = GenerationRequest.objects.create(template=template, fields=["headline"], requested_by=author())
    GenerationPart.objects.create(request=asked, item=item)
    experiment = make_experiment(slot=slot)
    event = Event.objects.create(kind="click", item_key=item.key, visitor_key="v", occurred_at=timezone.now())
    set_aside(found={"burst": [event.pk]})
    day = {"window_from": timezone.now(), "window_until": timezone.now()}
    Reading.objects.create(metric="hour", value=0.1, status="ok", version=version, detail={"largest": []}, **day)
    alert = Alert.objects.create(metric="hour", value=0.4, worst=0.4, version=version)
    demand = TagForecast.objects.create(tag="space", today=timezone.now(), method="mean", lately=3.0, expected=4.0)
    audit = FairnessAudit.objects.create(grouping="tag", status="failed", message="Too little.")
    key, _raw = issue_key(name="Shop")
    revision = {"revision_id": variant.latest_revision_id}
    return {
        "personalization_budgets": {"pk": Budget.objects.create(scope="site", tokens=1000).pk},
        "personalization_demand": {"pk": demand.pk},
        "personalization_experiments": {"pk": experiment.pk, "arm": "control"},
        "personalization_fairness": {"pk": audit.pk},
        "personalization_health": {"pk": alert.pk, "metric": "hour"},
        "personalization_item_chooser": {"pk": item.pk},
        "personalization_items": {"pk": item.pk},
        "personalization_quarantine": {"pk": event.pk},
        "personalization_records": {"pk": ApprovalRecord.objects.first().pk},
        "personalization_requests": {"pk": asked.pk},
        "personalization_runs": {"pk": version.run_id},
        "personalization_sender_keys": {"pk": key.pk},
        "personalization_variants": revision
        | _compared(variant)
        | {
            "pk": variant.pk,
            "action_name": "reject",
            "task_state_id": state.pk,
            "workflow_state_id": state.workflow_state_id,
            "task_id": state.task_id,
        },
        "personalization_versions": {"pk": version.pk},
        **{
            f"{kind}_personalization_{one._meta.model_name}": _revised(one)
            for kind in ("wagtailsnippets", "wagtailsnippetchoosers")
            for one in (ItemGroup.objects.get_or_create(name="Space")[0], template, rules, segment, slot)
        },
    }


def _revised(one: Any) -> dict[str, Any]:
    return {"pk": one.pk} | (
        {"revision_id": one.latest_revision_id} | _compared(one) if hasattr(one, "revisions") else {}
    )


def _compared(one: Any) -> dict[str, Any]:
    return {"revision_id_a": one.latest_revision_id, "revision_id_b": one.latest_revision_id}


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def verdict(page: Page) -> set[str] | None:
    """The roles that may; None for a page that nobody has judged."""
    namespace, _colon, name = page[0].partition(":")
    for roles, names in VERDICTS.get(namespace, {}).items():
        if names == "*" or name in names.split():
            return set() if roles == "none" else {"superuser", *roles.replace("-", "").split()}
    return None


def answer(client: Client, method: str, url: str) -> str:
    """In a word: "login", "refused", or what else the page says to this person. Nothing of it lasts."""
    with undone():
        client.raise_request_exception = False
        response = client.get(url) if method == "get" else client.post(url, STREAMS)
        return str(response.status_code) if response.status_code in PLAIN else judge(response)


def test_every_page_of_ours_has_a_verdict():
    judged = {page[0]: verdict(page) for page in pages()}
    assert [name for name, roles in judged.items() if roles is None] == []
    existing = {name.partition(":")[0] for name in judged}
    assert existing == set(VERDICTS)


@pytest.mark.parametrize("room", VERDICTS)
def test_pages_answer_those_who_may_and_nobody_else(room: str, people, parts):
    for page in (page for page in pages() if page[0].partition(":")[0] == room):
        url, allowed = address(page, parts.get(room, {})), verdict(page)
        for role, client in people.items():
            told = {method: answer(client, method, url) for method in ("get", "post")}
            if role in allowed:
                assert not {"login", "refused", "404", "500"} & set(told.values()), (page, role, told)
            else:
                refused = "login" if role == "anonymous" else "refused"
                assert set(told.values()) in ({refused}, {refused, "405"}), (page, role, told)


@pytest.mark.parametrize("role", ["anonymous", "outsider", *ROLES])
def test_whoever_may_not_changes_nothing(role: str, people, parts):
    before = rows_of_ours()
    for page in pages():
        if role not in verdict(page) or role == "outsider" or page[0].endswith("workflow_action"):
            people[role].post(address(page, parts.get(page[0].partition(":")[0], {})), STREAMS)
    assert rows_of_ours() == before


def test_nobody_finds_anything_by_guessing_numbers(people, parts):
    found = []
    for page in pages():
        room = page[0].partition(":")[0]
        for part in (part for part in page[1] if part not in ("arm", "metric", "action_name")):
            for number in HUGE:
                url = address(page, parts[room] | {part: number})
                told = {answer(people["superuser"], method, url) for method in ("get", "post")}
                if not told <= {"404", "405", "refused"}:
                    found.append((url, told))
    assert found == []


# The first two say that nothing was decided, or whether a form is filled in; steps of a workflow are for all variants.
WAGTAILS = ("workflow_action", "collect_workflow_action_data", "workflow_preview")


def test_revisions_and_reviews_are_found_under_their_own_variant_only(people, parts, make_item):
    other = make_draft(make_item("Fermentation", text="Salt and time."), headline="Salt and time for everybody")
    submitted(other)
    foreign = parts["personalization_variants"] | {"pk": other.pk}
    for page in pages():
        room, _colon, name = page[0].partition(":")
        if room == "personalization_variants" and len(page[1]) > 1:
            before = rows_of_ours()
            for role in ("editor", "reviewer", "superuser"):
                for method in ("get", "post"):
                    told = answer(people[role], method, address(page, foreign))
                    assert told in ("404", "405", "refused") or name in WAGTAILS, (page, role, method, told)
            assert rows_of_ours() == before


def test_revisions_of_another_kind_are_not_shown(people, parts, slot):
    template = "wagtailsnippets_personalization_prompttemplate"
    for page in pages():
        if page[0].startswith(f"{template}:revisions"):
            stranger = slot.latest_revision_id
            ids = {"revision_id": stranger, "revision_id_a": stranger, "revision_id_b": stranger}
            url = address(page, parts[template] | ids)
            assert answer(people["superuser"], "get", url) == "404", page


SNIPPETS = ("slot", "segment", "itemgroup", "variant", "prompttemplate", "ruleset")


@pytest.mark.parametrize("kind", SNIPPETS)
def test_many_are_not_deleted_at_once_by_those_who_may_not(kind: str, people, parts):
    room = next(name for name in parts if name.endswith(f"_{kind}") or name == f"personalization_{kind}s")
    url = reverse("wagtail_bulk_action", args=["personalization", kind, "delete"])
    before = rows_of_ours()
    deletes = {"slot": {"editor"}, "prompttemplate": {"administrator"}, "ruleset": {"administrator"}}.get(kind, set())
    for role, client in people.items():
        if role not in {"superuser", *deletes}:
            client.post(f"{url}?id={parts[room]['pk']}&next=/", {"confirm": "yes"})
            assert rows_of_ours() == before, role


def test_what_visitors_are_told_is_set_by_administrators(people, site):
    url = reverse("wagtailsettings:edit", args=["personalization", "variantsettings", site.pk])
    opened = {role for role, client in people.items() if answer(client, "get", url) == "allowed"}
    assert opened == {"superuser", "administrator"}


def test_the_menu_leads_each_role_to_what_it_may_use(people):
    leads = {
        "variants/": ALL_ROLES,
        "variant-requests/": "editor administrator",
        "snippets/personalization/prompttemplate/": "administrator",
        "snippets/personalization/ruleset/": "administrator",
        "generation-budgets/": "administrator",
        "approval-records/": ALL_ROLES,
    }
    for role in ("outsider", *ROLES):
        page = people[role].get(reverse("wagtailadmin_home")).content.decode()
        shown = {path for path in leads if f'/{path}"' in page}
        assert shown == {path for path, roles in leads.items() if role in roles.split()}, role


def test_groups_can_be_given_what_means_something(people):
    page = people["superuser"].get(reverse("wagtailusers_groups:add")).content.decode()
    ours = Permission.objects.filter(content_type__app_label="personalization")
    offered = {permission.codename for permission in ours if f'value="{permission.pk}"' in page}
    assert offered >= {name for names in ROLES.values() for name in names}
    senseless = ["publish_variant", "add_generationrequest", "delete_generationrequest", "add_approvalrecord"]
    senseless += ["change_approvalrecord", "delete_approvalrecord", "add_generationcall", "delete_generationcall"]
    assert not offered.intersection(senseless)
    assert "Can ask a language model for variants" in page
    assert "Can approve, reject and retire AI variants" in page
