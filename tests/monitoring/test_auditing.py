"""A fairness audit from the events to its figures, with real training in between."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from personalization import tasks
from personalization.catalog import snapshot
from personalization.catalog.services import index_all
from personalization.monitoring.auditing import LOST_AFTER, carry_out, start_audit
from personalization.monitoring.groups import MOST_GROUPS, groups_of
from personalization.monitoring.models import FairnessAudit, ItemGroup
from tests.factories import ArticlePageFactory, SectionPageFactory, make_item
from tests.monitoring.world import DESKTOP_DAYS, make_catalog, make_version, write_weeks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


@pytest.fixture
def version():
    make_catalog()
    write_weeks(until=timezone.now().replace(hour=0, minute=0, second=0), weeks=2, **DESKTOP_DAYS)
    return make_version()


def test_an_audit_compares_the_version_with_two_remedies(version):
    audit = carry_out(audit=start_audit(grouping="tag"))
    assert audit.status == "done", audit.message
    assert (audit.version, audit.results["places"]) == (version, 10)
    sides = audit.results["sides"]
    assert list(sides) == ["as it is", "reweighted", "shared out"]
    exposure = {name: {row["group"]: row["exposure"] for row in side["groups"]} for name, side in sides.items()}
    # Nobody reads the third topic, which is a third of the catalog.
    assert exposure["as it is"]["seed"] < 0.15
    assert exposure["reweighted"] != exposure["as it is"]
    assert exposure["shared out"]["seed"] > 0.25
    assert sides["shared out"]["item_parity"] < sides["as it is"]["item_parity"]
    assert sides["shared out"]["ndcg"] <= sides["as it is"]["ndcg"]
    assert {row["segment"] for row in sides["as it is"]["segments"]} <= {"1–2", "3–9", "10–29", "30+"}
    cases = audit.results["edge_cases"]
    assert len(cases) == 10
    assert [case["name"] for case in cases if case["broken"]] == []


def test_the_task_carries_out_what_was_asked_for(version):
    audit = start_audit(grouping="locale", user=User.objects.create_user("editor"))
    assert audit.stage == "Waiting for a worker"
    assert tasks.audit_fairness(audit.pk) == "done"
    audit.refresh_from_db()
    assert [row["group"] for row in audit.results["sides"]["as it is"]["groups"]] == ["en"]
    assert audit.results["sides"]["as it is"]["item_parity"] is None


def test_without_a_version_an_audit_says_so():
    audit = carry_out(audit=start_audit(grouping="tag"))
    assert (audit.status, audit.message) == ("failed", "No model version serves yet: train one first.")


def test_without_groups_an_audit_says_so(version):
    assert "No item belongs to any group" in carry_out(audit=start_audit(grouping="groups")).message


def test_a_version_that_cannot_be_made_again_says_so(version):
    version.parameters = {"members": {"oracle": {}}, "weights": {"oracle": 1.0}}
    version.save()
    assert "cannot be made again" in carry_out(audit=start_audit(grouping="tag")).message


def test_an_audit_whose_worker_was_lost_is_given_up():
    lost = start_audit(grouping="tag")
    FairnessAudit.objects.update(started_at=timezone.now() - LOST_AFTER - timedelta(minutes=1))
    start_audit(grouping="tag")
    lost.refresh_from_db()
    assert (lost.status, lost.message) == ("failed", "The worker was lost.")


def test_the_command_prints_both_tables(version, capsys):
    call_command("audit_fairness", "--by", "tag")
    out = capsys.readouterr().out
    assert "shared out" in out
    assert "starship" in out
    assert "rule is broken: none" in out


def test_the_command_fails_with_what_is_missing():
    with pytest.raises(CommandError, match="No model version serves yet"):
        call_command("audit_fairness")


def groups_by_title(grouping: str) -> dict[str, tuple[str, ...]]:
    catalog = snapshot.current()
    groups = groups_of(grouping, catalog.items.groups, catalog)
    return {card.title: own for card, own in zip(catalog.cards, groups, strict=True)}


def test_pages_are_grouped_by_what_they_are():
    section = SectionPageFactory(title="Kitchen")
    ArticlePageFactory(title="Bread", parent=section, byline="A. Baker", tags=["oven"])
    ArticlePageFactory(title="Moss", byline="", tags=["garden", "shade"])
    index_all()
    assert groups_by_title("author") == {"Bread": ("A. Baker",), "Moss": ()}
    assert groups_by_title("section")["Bread"] == ("Kitchen",)
    assert groups_by_title("locale")["Bread"] == ("en",)
    assert groups_by_title("type")["Moss"] == ("home.articlepage",)
    assert set(groups_by_title("tag")["Moss"]) == {"garden", "shade"}


def test_editors_define_groups_by_tag_author_and_language():
    ArticlePageFactory(title="Bread", byline="A. Baker", tags=["Oven"])
    ArticlePageFactory(title="Cake", byline="Somebody", tags=["oven"])
    index_all()
    ItemGroup.objects.create(name="Hot", tags="oven, grill", locale="en")
    ItemGroup.objects.create(name="Baker's", author="a. baker")
    ItemGroup.objects.create(name="French", tags="oven", locale="fr")
    found = groups_by_title("groups")
    assert set(found["Bread"]) == {"Hot", "Baker's"}
    assert found["Cake"] == ("Hot",)


def test_very_many_groups_are_cut_to_the_largest():
    for number in range(30):
        make_item(f"page:{number}", tags=[f"tag {number}"])
    make_item("page:30", tags=["tag 7"])
    names = {own[0] for own in groups_by_title("tag").values()}
    assert len(names) == MOST_GROUPS
    assert "all others" in names
    assert "tag 7" in names
    assert groups_of("tag", ["unknown"], snapshot.current()) == [()]
