"""A training run, from the rows of the database to the version that serves."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from personalization.catalog.models import Epoch, Item
from personalization.events.models import Event
from personalization.recommend.data import History
from personalization.training import dataset, learning, lineage, services, serving, storage, tuning
from personalization.training.dataset import read_dataset
from personalization.training.gate import Verdict
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.services import train
from tests.training.readers import N_ITEMS, make_items, write_history

pytestmark = pytest.mark.django_db

Status = TrainingRun.Status


def test_a_history_with_tastes_in_it_is_learned_and_promoted():
    write_history()
    run = train(trigger="test")
    assert run.status == Status.SUCCEEDED, run.message
    version = ModelVersion.objects.promoted()
    assert version.run == run
    assert "Beats popularity" in version.verdict
    assert f"v{version.pk} was promoted" in run.message
    assert (version.interactions, version.visitors, version.items) == (1200, 120, N_ITEMS)
    assert Epoch.objects.numbers()["model"] == 1


def test_the_promoted_version_recommends_the_visitors_own_half():
    write_history()
    train(trigger="test")
    hybrid = serving.promoted().scorers["hybrid"]
    halves = [int(name.removeprefix("page:")) * 2 // N_ITEMS for name in hybrid.item_ids]
    of_first_half = [column for column, half in enumerate(halves) if half == 0]
    best = hybrid.score([History(items=of_first_half[:3])])[0].argsort()[::-1][:10]
    assert [halves[column] for column in best] == [0] * 10


def test_every_scorer_and_the_blend_are_measured_on_the_same_hold_out():
    write_history()
    train(trigger="test")
    metrics = ModelVersion.objects.get().metrics
    assert set(metrics["scorers"]) == {"popular", "ease", "als", "markov", "hybrid"}
    assert metrics["holdout"] == "newest"
    assert metrics["visitors"] > 50
    ndcg = {name: row["metrics"]["ndcg@10"] for name, row in metrics["scorers"].items()}
    assert ndcg["hybrid"] > 1.2 * ndcg["popular"]
    for row in metrics["scorers"].values():
        assert {"ndcg@10", "recall@10", "coverage@10"} <= set(row["metrics"])


def test_popularity_is_the_yardstick_and_serves_by_itself_even_when_it_is_no_member(settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"TRAINING_MEMBERS": ("ease", "oracle")}
    write_history()
    run = train(trigger="test")
    assert set(run.version.metrics["scorers"]) == {"ease", "popular", "hybrid"}
    assert set(serving.promoted().scorers["hybrid"].members) == {"ease"}
    assert "popular" in serving.promoted().scorers
    assert "oracle was left out: there is no scorer of this name." in run.message


def test_a_version_knows_its_code_its_parent_and_what_the_gate_said():
    write_history()
    first, second = (train(trigger="test").version for _ in range(2))
    assert (first.parent, second.parent) == (None, first)
    assert first.code_version == second.code_version == lineage.code_version()
    assert [check["criterion"] for check in second.metrics["gate"]] == ["popularity", "serving", "coverage", "latency"]


def test_the_next_run_is_compared_with_the_version_that_serves():
    write_history()
    train(trigger="test")
    run = train(trigger="test")
    version = ModelVersion.objects.promoted()
    assert version.run == run
    assert "serving" in version.metrics["scorers"]
    assert "No worse than the version serving now" in version.verdict
    assert ModelVersion.objects.get(run__lt=run).status == ModelVersion.Status.ARCHIVED


def test_the_same_rows_give_the_same_hash_weights_and_figures():
    write_history()
    first, second = (train(trigger="test").version for _ in range(2))
    assert first.data_hash == second.data_hash
    assert first.parameters == second.parameters
    assert first.metrics["scorers"]["hybrid"]["metrics"] == pytest.approx(
        second.metrics["scorers"]["hybrid"]["metrics"]
    )


def test_a_candidate_that_fails_the_gate_is_kept_but_does_not_serve(monkeypatch):
    write_history()
    old = train(trigger="test").version
    monkeypatch.setattr(learning, "judge", lambda *args, **kwargs: Verdict(False, "Not clearly better."))
    run = train(trigger="test")
    assert run.status == Status.SUCCEEDED
    assert "stays a candidate. Not clearly better." in run.message
    assert f"promote_model --version {run.version.pk}" in run.message
    assert run.version.status == ModelVersion.Status.CANDIDATE
    assert serving.promoted().version_id == old.pk
    storage.verify_version(run.version)


def test_taste_that_is_chance_does_not_pass_the_gate():
    write_history(straying=1.0)
    run = train(trigger="test")
    assert "Not clearly better than popularity" in run.message
    assert ModelVersion.objects.promoted() is None


def test_too_few_interactions_end_the_run_with_what_is_missing():
    write_history(visitors=3, each=4)
    run = train(trigger="test")
    assert run.status == Status.SKIPPED
    assert "Only 12 interactions" in run.message
    assert "200 are needed" in run.message
    assert not ModelVersion.objects.exists()
    assert not list(storage.store().iterdir())


def test_an_empty_site_skips_training():
    run = train(trigger="test")
    assert run.status == Status.SKIPPED
    assert "Only 0 interactions" in run.message


def test_visitors_of_one_item_each_leave_nothing_to_judge_by():
    make_items()
    now = timezone.now()
    Event.objects.bulk_create(
        Event(kind="view", visitor_key=f"v{n}", item_key=f"page:{n % 40}", occurred_at=now, for_personalization=True)
        for n in range(300)
    )
    run = train(trigger="test")
    assert run.status == Status.SKIPPED
    assert "nothing to hold out" in run.message


def test_visitors_who_come_once_are_judged_by_the_end_of_each_visit():
    make_items()
    start = timezone.now() - timedelta(days=200)
    Event.objects.bulk_create(
        Event(
            kind="view",
            visitor_key=f"v{n}",
            item_key=f"page:{(n % 2) * 20 + (n * 7 + step * 3) % 20}",
            occurred_at=start + timedelta(days=n, minutes=step),
            for_personalization=True,
        )
        for n in range(150)
        for step in range(8)
    )
    run = train(trigger="test")
    assert run.version.metrics["holdout"] == "newest of each visitor"
    assert run.version.metrics["visitors"] == 150


def test_what_was_not_allowed_is_not_learned_from():
    write_history(allowed=False)
    assert "Only 0 interactions" in train(trigger="test").message


def test_only_kinds_with_a_weight_are_learned_from():
    write_history(kind="impression")
    assert "Only 0 interactions" in train(trigger="test").message


def test_a_kinds_weight_reaches_the_scorers(settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"EVENT_WEIGHTS": {"view": 2.5}}
    write_history()
    assert set(read_dataset().interactions.matrix.data.tolist()) == {2.5}


def test_what_is_older_than_the_window_is_not_learned_from(settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"TRAINING_WINDOW_DAYS": 30}
    write_history()
    data = read_dataset()
    assert 400 < data.interactions.matrix.nnz < 800
    assert data.since > timezone.now() - timedelta(days=30)
    assert data.until <= timezone.now()


def test_translations_share_their_history():
    write_history()
    Item.objects.filter(key="page:1").update(group="page:0")
    assert "page:1" not in read_dataset().interactions.visitor_ids
    data = read_dataset().interactions
    readers = Event.objects.filter(item_key__in=["page:0", "page:1"]).values("visitor_key").distinct().count()
    assert (data.matrix[:, [data.item_ids.index("page:0")]] > 0).sum() == readers


def test_one_busy_visitor_is_cut_to_the_newest_interactions(monkeypatch):
    write_history()
    monkeypatch.setattr(dataset, "LARGEST_HISTORY", 4)
    data = read_dataset().interactions
    assert (data.matrix.indptr[1:] - data.matrix.indptr[:-1] == 4).all()
    newest = Event.objects.filter(visitor_key="v0007").order_by("-occurred_at").values_list("item_key", flat=True)[:4]
    history = data.history(data.visitor_ids.index("v0007"))
    assert [data.item_ids[column] for column in history.items] == list(newest)[::-1]


def test_an_error_fails_the_run_and_leaves_the_old_version_serving(monkeypatch, caplog):
    write_history()
    old = train(trigger="test").version

    def burst(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(services, "write_artifact", burst)
    run = train(trigger="test")
    assert run.status == Status.FAILED
    assert "OSError: No space left on device" in run.message
    assert "failed" in caplog.text
    assert serving.promoted().version_id == old.pk
    assert [path.name for path in storage.store().iterdir()] == [old.artifact]


def test_an_error_while_tidying_up_does_not_undo_the_promotion(monkeypatch, caplog):
    write_history()
    calls = iter([None, OSError("Read-only file system")])

    def sweep_once():
        if error := next(calls):
            raise error

    monkeypatch.setattr(services, "sweep_artifacts", sweep_once)
    run = train(trigger="test")
    assert run.status == Status.SUCCEEDED
    assert "Read-only file system" in caplog.text
    assert serving.promoted().version_id == run.version.pk


def test_an_interrupted_run_is_ended_before_the_interrupt_goes_on(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(services, "read_dataset", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(trigger="test")
    assert TrainingRun.objects.get().status == Status.FAILED


def test_progress_is_told_to_the_end_and_never_goes_back():
    write_history()
    told = []
    train(trigger="test", progress=lambda stage, done, total: told.append((stage, done, total)))
    counts = [done for _stage, done, _total in told]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert told[-1][1] == told[-1][2] - 1
    assert "Judging: ease" in {stage for stage, _done, _total in told}


def test_members_are_tuned_without_a_look_at_the_hold_out(settings, monkeypatch):
    pytest.importorskip("optuna", reason="needs wagtail-slots[models]")
    settings.PERSONALIZATION = settings.PERSONALIZATION | {
        "TRAINING_MEMBERS": ("popular", "ease"),
        "TRAINING_TUNING_SECONDS": 1,
    }
    write_history(visitors=60)
    seen, found = [], {}
    search = tuning.tune

    def spy(name, train, **options):
        seen.append((name, float(train.timestamps.max())))
        found[name] = search(name, train, **options)
        return found[name]

    monkeypatch.setattr(tuning, "tune", spy)
    told = []
    run = train(trigger="test", progress=lambda stage, done, total: told.append(stage))
    newest = read_dataset().interactions.timestamps
    assert [name for name, _newest in seen] == ["popular", "ease"]
    assert all(limit < sorted(newest)[int(0.85 * len(newest))] for _name, limit in seen)
    assert any(stage.startswith("Tuning: ease, tries: ") for stage in told)
    members = run.version.parameters["members"]
    assert all(members[name].items() >= tuned.params.items() for name, tuned in found.items())


def test_no_visitor_is_named_in_the_log(caplog):
    write_history()
    with caplog.at_level(logging.DEBUG):
        train(trigger="test")
    assert "v00" not in caplog.text


def test_a_serving_version_of_scorers_that_are_no_more_does_not_stop_the_next():
    write_history()
    old = train(trigger="test").version
    ModelVersion.objects.filter(pk=old.pk).update(parameters={"members": {"oracle": {}}, "weights": {"oracle": 1.0}})
    run = train(trigger="test")
    assert "serving" not in run.version.metrics["scorers"]
    assert ModelVersion.objects.promoted() == run.version
