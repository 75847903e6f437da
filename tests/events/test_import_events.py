import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from personalization.events import importing
from personalization.events.models import Event, EventImport
from personalization.events.services import record_history
from personalization.visitors.models import Consent, Profile, Visitor
from personalization.visitors.services import change_consent
from tests.factories import make_item

pytestmark = pytest.mark.django_db
HEADER = ["visitor", "item", "kind", "occurred_at", "goal", "value", "duration_ms", "id", "slot"]


@pytest.fixture(autouse=True)
def items(db):
    make_item("page:1", words="rockets", tags=["space"], group="page:shared", url="/rockets/")
    make_item("page:2", words="bread", tags=["food"], url="https://site.example/bread/")


def row(visitor="ann@example.org", item="page:1", kind="view", at="2025-01-31T12:00:00Z", **fields):
    return {"visitor": visitor, "item": item, "kind": kind, "occurred_at": at, **fields}


@pytest.fixture
def write(tmp_path):
    def write(rows, name="history.csv") -> Path:
        path = tmp_path / name
        if name.endswith("csv"):
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, HEADER)
                writer.writeheader()
                writer.writerows(rows)
        else:
            path.write_text("".join(json.dumps(fields) + "\n" for fields in rows))
        return path

    return write


def run(path, consent="analytics,personalization", **options):
    out, err = StringIO(), StringIO()
    call_command("import_events", str(path), consent=consent, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", ["history.csv", "history.jsonl"])
def test_history_is_stored_and_learned_and_names_nobody(write, name):
    out, err = run(write([row(), row(item="page:2", kind="conversion", goal="order", value=9.5)], name))
    assert out == "2 events imported, 0 lines refused.\n"
    assert err == ""
    visitor = Visitor.objects.get()
    assert "ann" not in visitor.key
    assert set(Event.objects.values_list("visitor_key", "source")) == {(visitor.key, "import")}
    assert set(visitor.profile.tags) == {"space", "food"}
    assert visitor.profile.value == 9.5


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("page:1", "page:1"),
        ("page:shared", "page:1"),
        ("/rockets/", "page:1"),
        ("/rockets", "page:1"),
        ("https://www.example.org/rockets/?from=mail", "page:1"),
        ("/bread/", "page:2"),
        ("https://site.example/bread/", "page:2"),
    ],
)
def test_an_item_is_named_by_key_group_address_or_path(write, reference, key):
    run(write([row(item=reference)]))
    assert Event.objects.get().item_key == key


@pytest.mark.parametrize("at", ["2025-01-31T12:00:00Z", "2025-01-31 13:00:00+01:00", "1738324800", "1738324800.0"])
def test_times_are_iso_or_seconds(write, at):
    run(write([row(at=at)]))
    assert Event.objects.get().occurred_at.isoformat() == "2025-01-31T12:00:00+00:00"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (row(visitor=" "), "visitor_required"),
        (row(item="/nowhere/"), "unknown_item"),
        (row(item=""), "item_required"),
        (row(kind="purchase"), "unknown_kind"),
        (row(at="yesterday"), "bad_time"),
        (row(at="2025-02-31T00:00:00Z"), "bad_time"),
        (row(at="nan"), "bad_time"),
        (row(at="2025-01-31T12:00:00"), "naive_time"),
        (row(at="2999-01-01T00:00:00Z"), "future_time"),
        (row(kind="conversion"), "goal_required"),
        (row(kind="conversion", goal="order", value="much"), "bad_value"),
        (row(kind="conversion", goal="order", value="inf"), "bad_value"),
        (row(kind="dwell"), "bad_duration"),
        (row(kind="dwell", duration_ms="1.5"), "bad_duration"),
        (row(slot="x" * 61), "bad_slot"),
    ],
)
def test_a_line_that_cannot_be_believed_is_reported_and_the_others_are_imported(write, fields, code):
    out, err = run(write([row("bob"), fields, row("eve")]))
    assert out == "2 events imported, 1 lines refused.\n"
    assert err.startswith(f"line 3: {code}: ")
    assert "example.org" not in err


def test_lines_that_are_no_records_are_reported_by_their_number(tmp_path):
    path = tmp_path / "history.csv"
    good = b"ann,page:1,view,2025-01-31T12:00:00Z\n"
    lines = [
        b"visitor,item,kind,occurred_at\n",
        b"too,few\n",
        b"\xff\xfe,page:1,view,1738324800\n",
        b"x" * 200_000 + b"\n",
        b'"quo"ted,page:1,view,1738324800\n',
        b"\n",
        b'"two\nlines",page:2,view,1738324800\n',
        good,
    ]
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(lines))
    out, err = run(path)
    assert out == "2 events imported, 4 lines refused.\n"
    assert [line.split(":")[0] for line in err.splitlines()] == ["line 2", "line 3", "line 4", "line 5"]


def test_json_lines_that_are_no_records_are_reported(tmp_path):
    path = tmp_path / "history.jsonl"
    bad = ["{", "[]", "5", json.dumps(row(visitor=["ann"])), json.dumps(row(visitor=True)), "[" * 50_000, ""]
    path.write_text("\n".join([*bad, json.dumps(row())]))
    out, err = run(path)
    assert out == "1 events imported, 6 lines refused.\n"
    assert err.count("bad_line") == 6


def test_refused_lines_can_be_written_to_a_file(write, tmp_path):
    run(write([row(), row(item="/nowhere/")]), rejects=tmp_path / "rejects.csv")
    with (tmp_path / "rejects.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(entry["line"], entry["code"]) for entry in rows] == [("3", "unknown_item")]


def test_the_same_fact_counts_once_and_an_id_of_ones_own_is_kept(write):
    out, err = run(write([row(), row(), row(id="42"), row(id="42"), row(kind="click", id="43")]))
    assert out == "3 events imported, 2 lines refused.\n"
    assert err.count("duplicate") == 2


def test_a_file_is_imported_once(write):
    path = write([row()])
    run(path)
    assert "nothing to do" in run(path)[0]
    assert Event.objects.count() == 1


@pytest.mark.parametrize("name", ["history.csv", "history.jsonl"])
def test_an_interrupted_import_goes_on_where_it_stopped(write, monkeypatch, name):
    path = write([row(f"visitor\n{n}" if name == "history.csv" else f"visitor {n}") for n in range(25)], name)
    state, batches = importing.begin_import(path=path), []

    def interrupt(**batch):
        if len(batches) == 2:
            raise KeyboardInterrupt
        batches.append(batch)
        return record_history(**batch)

    arguments = {
        "path": path,
        "format": path.suffix[1:],
        "analytics": True,
        "personalization": True,
        "reject": lambda refused: None,
        "progress": lambda offset: None,
        "batch_size": 10,
    }
    monkeypatch.setattr(importing, "record_history", interrupt)
    with pytest.raises(KeyboardInterrupt):
        importing.import_file(state=state, **arguments)
    assert Event.objects.count() == EventImport.objects.get().accepted == 20
    monkeypatch.undo()
    state = importing.import_file(state=importing.begin_import(path=path), **arguments)
    assert (state.accepted, state.rejected) == (25, 0)
    assert Visitor.objects.count() == Event.objects.count() == 25
    assert state.offset == path.stat().st_size


def test_the_operator_must_say_what_was_allowed(write):
    path = write([row()])
    with pytest.raises(CommandError, match="--consent"):
        run(path, consent="marketing")
    run(path, consent="analytics")
    assert (Consent.objects.get().analytics, Consent.objects.get().personalization) == (True, False)
    assert not Event.objects.get().for_personalization
    assert not Profile.objects.exists()


def test_a_choice_made_in_person_goes_before_the_operators_word(write):
    run(write([row()], "first.csv"))
    visitor = change_consent(visitor=Visitor.objects.get(), analytics=True, personalization=False)
    run(write([row(kind="click")], "second.csv"))
    assert not Event.objects.get(kind="click").for_personalization
    assert Event.objects.get(kind="click").for_analytics
    visitor.refresh_from_db()
    assert not visitor.consent.personalization


def test_files_that_are_no_history_are_named_as_such(tmp_path, write):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("who,what\nann,page:1\n")
    with pytest.raises(CommandError, match="missing: visitor, item, kind, occurred_at"):
        run(wrong)
    with pytest.raises(CommandError, match="no file"):
        run(tmp_path / "absent.csv")
    with pytest.raises(CommandError, match="--format"):
        run(write([row()]).rename(tmp_path / "history.txt"))


def test_a_file_of_many_batches_is_imported_whole(write):
    rows = (row(f"v{n % 60}", f"page:{n % 2 + 1}", at=str(1_700_000_000 + n)) for n in range(12_000))
    assert run(write(rows))[0] == "12000 events imported, 0 lines refused.\n"
    assert Event.objects.count() == 12_000
