"""The record of decisions in the admin: read, filtered and downloaded, never changed."""

import csv
import io
import json
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver, reverse

from personalization.variants.models import ApprovalRecord
from personalization.variants.records import record
from tests.editor.conftest import login, staff
from tests.variants.world import approved, make_draft, submitted

LIST = reverse("personalization_records:index")
CSV = reverse("personalization_records:csv")
JSON = reverse("personalization_records:json")


def text(response) -> str:
    return unescape(response.content.decode())


def rows(response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode())))


@pytest.fixture
def reader(site) -> Client:
    return login(staff("reader", "view_approvalrecord"))


@pytest.fixture
def decided(site, make_item):
    """One variant approved, another one submitted."""
    item = make_item("Night sky", summary="Stars above the town.", text="Stars above the town.")
    submitted(make_draft(make_item("Fermentation", text="Salt and time."), headline="Salt and time for everybody"))
    return approved(item, headline="Stars above the sleeping town")


def test_an_empty_list_teaches(reader):
    assert "No decisions yet" in text(reader.get(LIST))


def test_decisions_are_listed_and_shown_with_their_words_and_hashes(reader, decided):
    listed = text(reader.get(LIST))
    entry = ApprovalRecord.objects.get(act="approved")
    assert "Stars above the sleeping town" in listed
    assert reverse("personalization_records:inspect", args=[entry.pk]) in listed
    page = text(reader.get(reverse("personalization_records:inspect", args=[entry.pk])))
    for told in (entry.content_hash, entry.source_hash, entry.digest, "Stars above the town.", "reviewer", "100 %"):
        assert told in page


@pytest.mark.parametrize(
    ("query", "acts"),
    [
        ({"act": "approved"}, ["approved"]),
        ({"user_name": "review"}, ["approved"]),
        ({"at_from": "2000-01-01", "at_to": "2000-01-02"}, []),
        ({"act": "nonsense"}, []),
        ({"at_from": "yesterday"}, []),
        ({"variant_key": "-1"}, []),
        ({}, ["submitted", "submitted", "approved"]),
    ],
)
def test_downloads_hold_what_the_filters_match_and_nothing_else(reader, decided, query, acts):
    assert [row["decision"] for row in rows(reader.get(CSV, query))] == acts
    assert [row["act"] for row in json.loads(reader.get(JSON, query).content)["records"]] == acts


def test_the_list_filters_by_source(reader, decided):
    page = text(reader.get(LIST, {"source_key": decided.item.key}))
    assert "Stars above the sleeping town" in page
    assert "Salt and time for everybody" not in page


def test_spreadsheets_calculate_nothing_that_somebody_wrote(reader, decided):
    draft = make_draft(decided.item, headline="Stars")
    draft.headline = "=1+1"
    draft.save()
    record(draft, "submitted", comment='=HYPERLINK("https://example.org")')
    assert rows(reader.get(CSV))[-1]["comment"].startswith("'=")


def test_words_that_look_like_markup_are_shown_as_text(reader, decided):
    entry = record(decided, "retired", comment="<img src=x onerror=alert(1)>")
    page = reader.get(reverse("personalization_records:inspect", args=[entry.pk])).content.decode()
    assert "<img src=x" not in page


def test_nobody_changes_a_record_superusers_included(decided):
    namespace = get_resolver("wagtail.admin.urls").namespace_dict["personalization_records"][1]
    names = {name for name in namespace.reverse_dict if isinstance(name, str)}
    assert names == {"index", "index_results", "inspect", "csv", "json"}
    before = list(ApprovalRecord.objects.values())
    admin = login(User.objects.create_superuser("boss"))
    entry = ApprovalRecord.objects.first()
    for url in (LIST, CSV, JSON, reverse("personalization_records:inspect", args=[entry.pk])):
        for method in (admin.post, admin.put, admin.patch, admin.delete):
            assert method(url).status_code in (403, 405)
        assert list(ApprovalRecord.objects.values()) == before


def test_records_are_for_those_who_may_read_them(site, decided):
    asker = login(staff("asker", "generate_variant", "view_variant"))
    for url in (LIST, CSV, JSON):
        assert asker.get(url).url == reverse("wagtailadmin_home")
