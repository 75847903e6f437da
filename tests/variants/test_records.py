"""The record of decisions: nobody changes it, and who tries leaves a trace."""

import csv
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.catalog.models import Item
from personalization.variants import reviewing
from personalization.variants.audit import COLUMNS
from personalization.variants.choices import Act, Rejection, State, Words
from personalization.variants.hashing import digest_of
from personalization.variants.models import ApprovalRecord, Variant
from personalization.variants.records import AppendOnlyError, ai_share, digest_of_record
from personalization.variants.sheets import safe
from personalization.variants.verifying import find_faults
from tests.slots.world import make_items
from tests.variants.world import approved, editor, make_draft, reviewer, submitted

pytestmark = pytest.mark.django_db
TABLE = ApprovalRecord._meta.db_table


@pytest.fixture
def item(site) -> Item:
    return make_items(1)[0]


@pytest.fixture
def variant(item) -> Variant:
    """Approved, edited, approved again and retired."""
    variant = approved(item, headline="Stars at hand", expire_at=None)
    variant.headline = "Stars nearby"
    variant.expire_at = timezone.localtime() + timedelta(days=30)
    variant.save_revision(user=editor())
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    reviewing.retire(variant=variant, user=reviewer())
    return Variant.objects.get(pk=variant.pk)


def tamper(sql: str, *params) -> None:
    """What somebody with the database's password might do: without the trigger, past Python."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER personalization_append_only")
        else:
            cursor.execute("DROP TRIGGER personalization_append_only")
        cursor.execute(sql, params)


def verify() -> str:
    out = StringIO()
    call_command("verify_approvals", stdout=out, stderr=out)
    return out.getvalue()


def test_python_changes_no_record(variant):
    entry = ApprovalRecord.objects.first()
    for attempt in (
        entry.save,
        entry.delete,
        ApprovalRecord.objects.all().delete,
        lambda: ApprovalRecord.objects.update(comment="x"),
        lambda: ApprovalRecord.objects.bulk_update([entry], ["comment"]),
        lambda: ApprovalRecord.objects.update_or_create(pk=entry.pk, defaults={"comment": "x"}),
    ):
        with pytest.raises(AppendOnlyError):
            attempt()


def test_the_database_changes_no_record(variant):
    statements = [f"UPDATE {TABLE} SET comment = 'x'"]
    if connection.vendor == "postgresql":
        statements.append(f"DELETE FROM {TABLE}")
    for statement in statements:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_deleting_a_variant_leaves_its_records(variant):
    before = ApprovalRecord.objects.count()
    variant.delete()
    assert ApprovalRecord.objects.count() == before
    assert list(find_faults()) == []


def test_what_was_not_touched_is_verified(variant):
    assert "All 6 records" in verify()


def test_a_record_says_after_reading_what_it_said_before(variant):
    for entry in ApprovalRecord.objects.all():
        assert entry.digest == digest_of_record(entry)


@pytest.mark.parametrize(
    "change",
    [
        "SET user_name = 'somebody'",
        "SET words = '{}'",
        "SET at = '2020-01-01 00:00:00+00:00'",
        "SET ai_share = 0",
        "SET expires_at = NULL",
        "SET digest = previous",
    ],
)
def test_a_changed_record_is_found(variant, change):
    entry = ApprovalRecord.objects.order_by("-pk")[1]
    tamper(f"UPDATE {TABLE} {change} WHERE id = %s", entry.pk)
    with pytest.raises(CommandError):
        verify()
    assert next(find_faults()).record == entry.pk


def test_a_record_that_was_changed_together_with_its_digest_is_found(variant):
    entry = ApprovalRecord.objects.order_by("pk")[1]
    entry.user_name = "somebody"
    tamper(f"UPDATE {TABLE} SET user_name = 'somebody', digest = %s WHERE id = %s", digest_of_record(entry), entry.pk)
    assert "missing" in str(next(find_faults()))


def test_a_missing_record_is_found(variant):
    tamper(f"DELETE FROM {TABLE} WHERE id = %s", ApprovalRecord.objects.order_by("pk")[1].pk)
    assert "missing" in str(next(find_faults()))


def test_the_newest_records_are_missed_too(item):
    variant = approved(item)
    tamper(f"DELETE FROM {TABLE} WHERE act = 'approved'")
    fault = next(find_faults())
    assert (fault.variant_key, fault.record) == (variant.key, None)


def test_a_state_that_nobody_decided_is_found(item):
    variant = make_draft(item)
    submitted(variant)
    Variant.objects.filter(pk=variant.pk).update(state=State.APPROVED, live=True)
    assert "Approved" in str(next(find_faults()))
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("verify_approvals", "--all", stdout=out, stderr=out)
    assert variant.key in out.getvalue()


def test_a_rejection_says_why(item):
    reviewing.reject(
        task_state=submitted(make_draft(item)), user=reviewer(), reason=Rejection.LEGAL, comment="Ask the lawyers."
    )
    entry = ApprovalRecord.objects.first()
    assert (entry.act, entry.reason, entry.comment) == (Act.REJECTED, Rejection.LEGAL, "Ask the lawyers.")
    assert (entry.user_name, entry.requested_by) == ("reviewer", "editor")


def exported(*options: str) -> str:
    out = StringIO()
    call_command("export_approvals", *options, stdout=out)
    return out.getvalue()


def test_the_export_names_words_makers_and_who_answers_for_them(variant):
    rows = list(csv.DictReader(StringIO(exported())))
    assert tuple(rows[0]) == COLUMNS
    approval = rows[1]
    assert approval["decision"] == "approved"
    assert (approval["headline"], approval["ai_made"], approval["ai_share"]) == ("Stars at hand", "yes", "1.0")
    assert (approval["decided_by"], approval["asked_by"], approval["model"]) == ("reviewer", "editor", "dummy")
    assert approval["source_title"] == "Space 0"
    assert 0 < float(rows[4]["ai_share"]) < 1
    assert rows[4]["expires_at"]


def test_the_export_for_programs_can_be_verified_elsewhere(variant):
    rows = json.loads(exported("--format", "json"))
    assert len(rows) == 6
    for row in rows:
        digest, _pk = row.pop("digest"), row.pop("id")
        assert digest_of(row) == digest


def test_the_export_keeps_to_its_days(variant):
    today = timezone.now().date()
    assert len(json.loads(exported("--format", "json", "--from", f"{today - timedelta(1)}", "--to", f"{today}"))) == 6
    assert json.loads(exported("--format", "json", "--from", f"{today + timedelta(2)}")) == []
    assert exported("--to", "2000-01-01").splitlines() == [",".join(COLUMNS)]
    for wrong in (["--from", "soon"], ["--from", "2026-02-01", "--to", "2026-01-01"]):
        with pytest.raises(CommandError):
            exported(*wrong)


def test_no_cell_is_a_formula(item):
    state = submitted(make_draft(item))
    reviewing.request_changes(task_state=state, user=reviewer(), comment='=HYPERLINK("https://example.org")')
    row = list(csv.DictReader(StringIO(exported())))[-1]
    assert row["comment"].startswith("'=HYPERLINK")


@given(st.text())
def test_a_safe_text_begins_with_nothing_that_a_spreadsheet_calculates(text):
    cell = safe(text)
    assert not str(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert str(cell).removeprefix("'") == text.removeprefix("'")


WORDS = st.dictionaries(st.sampled_from(Words.values), st.text(max_size=40))


@given(WORDS, WORDS)
def test_the_ai_share_lies_between_none_and_all(drafted, words):
    share = ai_share(Variant(drafted=drafted, **words))
    assert 0 <= share <= 1
    if any(words.values()):
        assert ai_share(Variant(drafted=words, **words)) == 1
        assert ai_share(Variant(drafted={}, **words)) == 0


@pytest.mark.parametrize(
    ("drafted", "words", "share"),
    [
        ({"headline": "Stars"}, {"headline": "Stars"}, 1),
        ({"headline": "Stars"}, {"headline": "Stars", "summary": "12345"}, 0.5),
        ({"headline": "abcd"}, {"headline": "abcd1234"}, 0.5),
        ({}, {"headline": "Stars"}, 0),
        ({"headline": "Stars"}, {"headline": "1234"}, 0),
        ({"image": "drawn"}, {}, 1),
    ],
)
def test_the_ai_share_is_of_the_characters(drafted, words, share):
    assert ai_share(Variant(drafted=drafted, **words)) == share
