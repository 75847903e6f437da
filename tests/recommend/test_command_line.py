"""The command judges scorers on any file, without Django, and says what it did and could not do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from personalization.recommend import offline
from personalization.recommend.command_line import _parser, main
from personalization.recommend.scorers import SCORERS, Popular
from personalization.recommend.splits import last_k, random_per_visitor, temporal
from tests.recommend.test_movielens import RATINGS
from tests.recommend.worlds import DAY, two_tastes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(tmp_path):
    """Sixty visitors of two tastes, in a file; and what the items are about, in another."""
    interactions, _ = two_tastes(n_visitors=60, n_items=24)
    log, items = tmp_path / "log.csv", tmp_path / "items.csv"
    pairs = zip(interactions.rows, interactions.matrix.indices, interactions.timestamps, strict=True)
    lines = [f"{interactions.visitor_ids[v]},{interactions.item_ids[i]},{t:.0f}" for v, i, t in pairs]
    log.write_text("\n".join(["visitor,item,timestamp", *lines]))
    texts = [f"item {n:02},Number {n},{('stars and planets', 'bread and butter')[n // 12]},x" for n in range(24)]
    items.write_text("\n".join(["item,title,text,tags", *texts]))
    return tmp_path


def run(folder, *arguments, log="log.csv"):
    """Run the command in this process; return its exit code and the document it wrote, if any."""
    out = folder / "out.json"
    out.unlink(missing_ok=True)
    code = main(["evaluate", "--interactions", str(folder / log), "--json", str(out), *arguments])
    return code, json.loads(out.read_text()) if out.exists() else None


def options():
    """Every option of the command, as its help names it."""
    parser = _parser()
    command = parser._subparsers._group_actions[0].choices["evaluate"]
    return {flag for action in command._actions for flag in action.option_strings} - {"-h", "--help"}


def test_the_manual_knows_every_option_and_figure(world):
    page = (ROOT / "docs" / "how-to" / "evaluate-offline.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(--[a-z-]+)` \|", page, re.MULTILINE))
    assert told == options()
    figures = run(world, "--split", "random", "--scorers", "popular", "--items", str(world / "items.csv"))[1]["scorers"]
    words = {name.partition("@")[0] for name in figures["popular"] if not name.endswith("_interval")}
    assert all(f"`{word}`" in page or f'"{word}"' in page for word in words)


def test_it_runs_without_django(world):
    script = (
        "import sys; from personalization.recommend.command_line import _parser, main; code = main(sys.argv[1:]);"
        "sys.exit(code or 3 * any(name.split('.')[0] in ('django', 'wagtail', 'celery') for name in sys.modules))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    arguments = ["evaluate", "--interactions", str(world / "log.csv"), "--scorers", "popular", "--split", "random"]
    for command in (["-c", script], ["-m", "personalization.recommend"]):
        done = subprocess.run(
            [sys.executable, *command, *arguments, "--json", "-"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["scorers"]["popular"]["ndcg@10"] > 0


def test_the_document_holds_figures_intervals_data_and_protocol(world, capsys):
    code, document = run(world, "--split", "random", "--scorers", "popular,ease", "--k", "5,10")
    assert code == 0
    assert document["split"] == "random"
    data = document["data"]
    assert (data["rows"], data["visitors"], data["items"], len(data["sha256"])) == (300, 60, 24, 64)
    assert data["from"] < data["until"]
    ease = document["scorers"]["ease"]
    for word in ("ndcg", "recall", "precision", "map", "hit_rate", "mrr", "coverage", "gini", "novelty"):
        for k in (5, 10):
            low, high = ease[f"{word}@{k}_interval"]
            assert low - 1e-6 <= ease[f"{word}@{k}"] <= high + 1e-6
    assert ease["auc"] > 0.5
    assert ease["fit_seconds"] >= 0
    assert ease["peak_mb"] is None or ease["peak_mb"] >= 0
    assert ease["params"]["penalty"] == 300
    assert list(ease["history_lengths"]) == ["0", "1", "2+"]
    assert document["protocol"]["visitors_judged"] == 60
    assert document["protocol"]["left_out"] == 0
    assert document["differences"]["reference"] == "popular"
    assert document["differences"]["ease"]["ndcg@5"]["interval"][0] > 0
    printed = capsys.readouterr().out
    assert "300 rows, 60 visitors, 24 items" in printed
    assert "NDCG@5" in printed


@pytest.mark.parametrize("how", ["temporal", "random", "last-k"])
def test_each_split_is_the_one_of_the_library(world, how):
    more = [
        f"visitor {v:02},item {i:02},{(70 + v + i / 24) * DAY:.0f}" for v in range(0, 60, 2) for i in range(0, 9, 2)
    ]
    (world / "log.csv").write_text("\n".join([(world / "log.csv").read_text(), *more]))
    interactions = offline.read_log(world / "log.csv").interactions()
    split = {
        "temporal": lambda: temporal(interactions, 0.3),
        "random": lambda: random_per_visitor(interactions, 0.3, seed=7),
        "last-k": lambda: last_k(interactions, 5, more_than=6),
    }[how]()
    task = offline.prepare(offline.Request(world / "log.csv", split=how, test_fraction=0.3, seed=7))
    if how != "temporal":  # there, repeats are merged later
        assert (task.split.train.matrix != split.train.matrix).nnz == 0
        assert (task.split.test.matrix != split.test.matrix).nnz == 0
    else:
        assert task.split.train.timestamps.max() < task.split.test.timestamps.min()
        assert task.split.left_out == split.left_out


def test_visitors_of_whom_nothing_was_known_are_counted(world):
    late = [f"newcomer {n},item 0{n},{99 * DAY:.0f}" for n in range(4)]
    (world / "log.csv").write_text("\n".join([(world / "log.csv").read_text(), *late]))
    code, document = run(world, "--scorers", "popular", "--test-fraction", "0.1")
    assert code == 0
    assert document["protocol"]["left_out"] >= 4
    assert document["protocol"]["visitors_judged"] + document["protocol"]["left_out"] <= 64


def test_the_same_seed_writes_the_same_figures(world):
    def figures(seed):
        scorers = run(world, "--split", "random", "--scorers", "popular", "--seed", seed)[1]["scorers"]
        return {n: {m: v for m, v in f.items() if m not in ("fit_seconds", "peak_mb")} for n, f in scorers.items()}

    assert figures("3") == figures("3")
    assert figures("3") != figures("4")


def test_texts_are_read_where_there_are_items(world):
    code, document = run(
        world, "--items", str(world / "items.csv"), "--split", "random", "--scorers", "content,popular"
    )
    assert code == 0
    assert document["scorers"]["content"]["ndcg@10"] > document["scorers"]["popular"]["ndcg@10"] * 1.5
    assert "diversity@10" in document["scorers"]["content"]
    catalog = document["data"]["catalog"]
    assert (catalog["items"], catalog["items_with_interactions"], catalog["embedder"]) == (24, 24, "tfidf")


def test_by_default_all_run_that_suit_the_files(world, monkeypatch):
    monkeypatch.setattr(offline, "SCORERS", {name: SCORERS[name] for name in ("popular", "ease", "content", "recent")})
    assert set(run(world, "--split", "random")[1]["scorers"]) == {"popular", "ease"}
    with_texts = run(world, "--split", "random", "--items", str(world / "items.csv"))[1]
    assert set(with_texts["scorers"]) == {"popular", "ease", "content"}


def test_every_default_is_a_scorer_that_exists():
    assert {*offline.DEFAULT, *offline.WITH_SEGMENTS, *offline.WITH_TEXTS} <= set(SCORERS)


def test_one_that_cannot_run_is_skipped_with_the_reason_and_the_rest_goes_on(world, monkeypatch, capsys):
    class Absent(Popular):
        def fit(self, interactions, items=None):
            raise ImportError('lib is not installed. Run: pip install "wagtail-slots[models]"')

    class Faulty(Popular):
        def fit(self, interactions, items=None):
            return {}["column"]

    monkeypatch.setattr(offline, "SCORERS", SCORERS | {"als": Absent, "bpr": Faulty})
    code, document = run(world, "--split", "random", "--scorers", "content,als,bpr,popular")
    assert code == 0
    assert list(document["scorers"]) == ["popular"]
    assert "embeddings" in document["skipped"]["content"]
    assert document["skipped"]["als"] == 'lib is not installed. Run: pip install "wagtail-slots[models]"'
    assert document["skipped"]["bpr"] == "KeyError: 'column'"
    assert "als was skipped: lib is not installed" in capsys.readouterr().err


def test_when_nothing_can_run_that_is_a_failure(world, capsys):
    code, document = run(world, "--split", "random", "--scorers", "content")
    assert (code, document) == (1, None)
    assert "content was skipped" in capsys.readouterr().err


def test_tuning_takes_its_seconds_and_is_told(world):
    code, document = run(world, "--split", "random", "--scorers", "popular,ease,recent", "--tune", "0.4")
    assert code == 0
    tuning = document["scorers"]["ease"]["tuning"]
    assert document["scorers"]["ease"]["params"]["penalty"] == tuning["params"]["penalty"]
    assert tuning["value"] >= tuning["default_value"]
    assert tuning["trials"] >= 1
    assert "tuning" not in document["scorers"]["recent"]


def test_searches_share_what_is_left_of_the_time(world):
    request = offline.Request(world / "log.csv", split="random", scorers=("ease", "recent", "svd"), tune_seconds=10)
    task, outcome = offline.prepare(request), offline.Outcome()
    assert offline._budget("recent", task, outcome) is None
    assert offline._budget("ease", task, outcome) == 5
    outcome.tuned["ease"] = offline.Tuned({}, 0.0, 0.0, 1, seconds=2.0)
    assert offline._budget("svd", task, outcome) == 8
    outcome.tuned["ease"] = offline.Tuned({}, 0.0, 0.0, 1, seconds=60.0)
    assert offline._budget("svd", task, outcome) == 0


def test_a_blend_is_made_of_tuned_members_and_learns_on_a_validation_of_the_same_kind(world):
    _, document = run(world, "--split", "random", "--scorers", "hybrid,ease", "--tune", "0.3")
    assert list(document["scorers"]) == ["ease", "hybrid"]
    params = document["scorers"]["hybrid"]["params"]
    assert params["members"]["ease"] == document["scorers"]["ease"]["tuning"]["params"]
    assert params["members"]["popular"] == {}
    assert params["validation"] == "random"


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        ("", [], "log.csv: the file is empty."),
        ("visitor,item,timestamp\na,x,1\na,y,2,3\n", [], "log.csv: line 3: 4 fields, but the header has 3."),
        ("visitor,item,timestamp\na,x,1\nb,y,2\n", [], "no visitor has interactions on both sides"),
        ("visitor,item,timestamp\na,x,1\na,y,1\n", [], "too few interactions"),
        ("visitor,item,timestamp\na,x,1\na,y,2\n", ["--split", "last-k"], "too few interactions"),
        ("visitor,item,timestamp\na,x,1\na,y,2\n", ["--items", "no.csv"], "no.csv: No such file"),
        ("visitor,item,timestamp\na,x,1\na,y,2\n", ["--json", "no/where.json"], "there is no such folder"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(tmp_path, capsys, rows, arguments, message):
    (tmp_path / "log.csv").write_text(rows)
    code, _ = run(tmp_path, *arguments)
    assert code == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.strip().splitlines()) == 1
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scorers", "popular,nobody"], "no scorer nobody; there are"),
        (["--scorers", ","], "no scorer"),
        (["--test-fraction", "1"], "'1' is not between 0 and 1"),
        (["--k", "0"], "'0' is not one or more whole numbers"),
        (["--k", "ten"], "'ten' is not one or more"),
        (["--tune", "nan"], "'nan' is not a number of seconds"),
        (["--seed", "-1"], "'-1' is not a whole number"),
        (["--split", "odd"], "invalid choice: 'odd'"),
    ],
)
def test_senseless_options_are_refused(world, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        run(world, *arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_catalog_of_other_items_is_refused(world, capsys):
    (world / "items.csv").write_text("item,title\n1,Stars\n")
    assert run(world, "--items", str(world / "items.csv"))[0] == 2
    assert "none of its 1 items occurs in log.csv" in capsys.readouterr().err


def test_one_visitor_and_lists_longer_than_the_catalog_are_no_trouble(tmp_path):
    lines = [f"only,item {n},{n}" for n in range(8)]
    (tmp_path / "log.csv").write_text("\n".join(["visitor,item,timestamp", *lines]))
    for how in ("temporal", "last-k", "random"):
        code, document = run(tmp_path, "--split", how, "--k", "50", "--scorers", "popular,ease")
        assert code == 0
        assert not document["skipped"]
        assert document["scorers"]["popular"]["recall@50"] == 1


def test_an_interrupted_run_ends_quietly(world, monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("personalization.recommend.command_line.run", interrupt)
    assert run(world, "--split", "random") == (130, None)
    assert "Stopped" in capsys.readouterr().err


def test_figures_on_movielens_are_those_known(tmp_path):
    if not RATINGS.exists():
        pytest.skip(f"MovieLens 100k is not at {RATINGS}; set PERSONALIZATION_DATA")
    ratings = [line.split("\t") for line in RATINGS.read_text().splitlines()]
    lines = [f"{visitor},{film},{seconds}000,{rating}" for visitor, film, rating, seconds in ratings]
    (tmp_path / "log.csv").write_text("\n".join(["visitor,item,timestamp,weight", *lines]))
    code, document = run(tmp_path, "--split", "last-k", "--scorers", "popular,ease")
    assert code == 0
    assert document["data"]["rows"] == 100_000
    assert document["data"]["from"].startswith("1997-09-20")
    assert document["scorers"]["popular"]["ndcg@10"] == pytest.approx(0.0548, rel=0.01)
    assert document["scorers"]["ease"]["ndcg@10"] == pytest.approx(0.0999, rel=0.03)
    _, document = run(tmp_path, "--split", "random", "--test-fraction", "0.25", "--scorers", "popular")
    assert document["scorers"]["popular"]["ndcg@10"] == pytest.approx(0.2563, rel=0.02)
    assert document["scorers"]["popular"]["recall@10"] == pytest.approx(0.1138, rel=0.05)
    assert np.isclose(document["protocol"]["test_pairs"], 25_000, rtol=0.01)
