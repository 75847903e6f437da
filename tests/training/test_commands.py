"""manage.py train and promote_model, as an operator uses them."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from personalization import tasks
from personalization.training import services, storage
from personalization.training.models import ModelVersion, TrainingRun
from tests.training.readers import write_history

pytestmark = pytest.mark.django_db


def run(*arguments: str, **options) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, no_color=True, **options)
    return out.getvalue()


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def test_train_prints_the_hold_out_table_and_the_verdict():
    write_history()
    out = run("train")
    version = ModelVersion.objects.promoted()
    assert f"v{version.pk} on the hold-out" in out
    assert "NDCG@10" in out
    assert "Coverage@10" in out
    for scorer in ("popular", "ease", "als", "markov", "hybrid"):
        assert scorer in out
    assert f"v{version.pk} was promoted. Beats popularity" in out


def test_train_says_what_is_missing_and_succeeds_unless_a_promotion_is_required():
    assert "Only 0 interactions" in run("train")
    with pytest.raises(CommandError, match="No version was promoted"):
        run("train", "--require-promotion")


def test_train_fails_when_the_run_fails(monkeypatch):
    def burst():
        raise OSError("No space left on device")

    monkeypatch.setattr(services, "read_dataset", burst)
    with pytest.raises(CommandError, match="No space left on device"):
        run("train")


def test_the_task_says_how_the_run_ended_and_who_asked():
    assert tasks.train.delay("admin").get() == TrainingRun.Status.SKIPPED
    assert TrainingRun.objects.get().trigger == "admin"


def test_versions_are_listed_with_their_verdicts(make_version):
    old, new = make_version(promoted=True), make_version(promoted=True)
    out = run("promote_model", "--list")
    assert out.index(str(new)) < out.index(str(old))
    assert "Promoted" in out
    assert "Archived" in out


@pytest.mark.parametrize("form", ["{}", "v{}"])
def test_a_version_is_promoted_by_its_number(make_version, form):
    version = make_version()
    assert f"{version} serves now" in run("promote_model", "--version", form.format(version.pk))
    assert ModelVersion.objects.promoted() == version


def test_rolling_back_lets_the_version_before_serve(make_version):
    old, _new = make_version(promoted=True), make_version(promoted=True)
    assert f"{old} serves now" in run("promote_model", "--roll-back")
    assert ModelVersion.objects.promoted() == old


def test_a_version_is_put_away_by_its_number(make_version):
    version = make_version()
    assert f"{version} was archived" in run("promote_model", "--archive", f"v{version.pk}")
    version.refresh_from_db()
    assert version.status == ModelVersion.Status.ARCHIVED


def test_what_serves_is_not_put_away(make_version):
    version = make_version(promoted=True)
    with pytest.raises(CommandError, match="serves now"):
        run("promote_model", "--archive", str(version.pk))


@pytest.mark.parametrize("number", ["7", "v0", "latest", "-1", "1e3", "9" * 30, ""])
def test_a_version_that_does_not_exist_is_named_with_where_to_look(number):
    with pytest.raises(CommandError, match="--list"):
        run("promote_model", f"--version={number}")


def test_a_spoiled_version_is_refused_in_words(make_version):
    version = make_version()
    (storage.store() / version.artifact / "manifest.json").unlink()
    with pytest.raises(CommandError, match="no manifest"):
        run("promote_model", f"--version={version.pk}")


def test_nowhere_to_roll_back_to_is_an_error():
    with pytest.raises(CommandError, match="no earlier version"):
        run("promote_model", "--roll-back")


def test_one_choice_is_required():
    with pytest.raises(CommandError, match="required"):
        run("promote_model")
