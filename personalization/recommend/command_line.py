"""Judge scorers on any file of interactions; no site and no settings are needed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from personalization.recommend.documents import document
from personalization.recommend.evaluation import Report
from personalization.recommend.files import summary
from personalization.recommend.offline import LAST, MORE_THAN, SPLITS, Outcome, Request, Task, prepare, run
from personalization.recommend.scorers import SCORERS
from personalization.recommend.tables import FileError
from personalization.recommend.texts import EMBEDDERS

STANDARD_OUTPUT = "-"
SUCCESS, NOTHING_RAN, SENSELESS, STOPPED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 1 when no scorer could run, 2 when the request or a file makes no sense."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        return _evaluate(options, console)
    except (FileError, ImportError, OSError) as error:
        console.print(f"error: {error}", style="bold red", markup=False)
        return SENSELESS
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.", markup=False)
        return STOPPED


def _evaluate(options: argparse.Namespace, console: Console) -> int:
    _check_writable(options.json)
    task = prepare(_request(options))
    for facts in task.facts.values():
        for sentence in summary(facts):
            console.print(sentence, style="dim", markup=False)
    outcome = _run_with_progress(task, console)
    for name, reason in outcome.skipped.items():
        console.print(f"{name} was skipped: {reason}", style="yellow", markup=False)
    if not outcome.rows:
        return NOTHING_RAN
    found = json.dumps(document(task, outcome), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if options.json == STANDARD_OUTPUT:
        sys.stdout.write(found)
    else:
        sys.stdout.write(_told(task, outcome))
    if options.json not in (None, STANDARD_OUTPUT):
        Path(options.json).write_text(found, encoding="utf-8")
    return SUCCESS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m personalization.recommend", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("evaluate", help="judge scorers on what they have not seen", description=__doc__)

    def add(flag: str, help: str, **options: Any) -> None:
        command.add_argument(flag, help=help, **options)

    add("--interactions", "visitor,item,timestamp[,weight,segment]", type=Path, required=True, metavar="FILE.csv")
    add("--items", "item,title,text,tags, for the scorers that read", type=Path, metavar="FILE.csv")
    held_out = (
        f"the newest rows of all, the last {LAST} of visitors with more than {MORE_THAN}, or some of each visitor's"
    )
    add("--split", f"what is held out: {held_out}", choices=SPLITS, default="temporal")
    add("--test-fraction", "how much is held out (0.2); not for last-k", type=_share, default=0.2, metavar="SHARE")
    add("--k", "length of the lists that are judged (10)", type=_lengths, default=(10,), metavar="K[,K...]")
    known = ", ".join(sorted(SCORERS))
    add("--scorers", f"all that suit the files, or some of {known}", type=_names, default=(), metavar="NAME,...")
    add("--tune", "search parameters on validation, for so long in all", type=_seconds, metavar="SECONDS")
    add("--embedder", "how texts become vectors (tfidf)", choices=sorted(EMBEDDERS), default="tfidf")
    add("--json", "write all figures there; - for standard output", metavar="OUT")
    add("--seed", "of everything that chance decides (0)", type=_seed, default=0)
    return parser


def _request(options: argparse.Namespace) -> Request:
    return Request(
        interactions=options.interactions,
        items=options.items,
        split=options.split,
        test_fraction=options.test_fraction,
        ks=options.k,
        scorers=options.scorers,
        tune_seconds=options.tune,
        embedder=options.embedder,
        seed=options.seed,
    )


def _run_with_progress(task: Task, console: Console) -> Outcome:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=len(task.names))

        def tell(name: str, stage: str) -> None:
            progress.update(bar, description=f"{name}: {stage}", completed=task.names.index(name))

        return run(task, tell)


def _told(task: Task, outcome: Outcome) -> str:
    """Return what a person wants to read."""
    facts, report = task.facts["interactions"], outcome.report(task.request)
    held_out = task.split.test.matrix.nnz
    pairs = held_out + task.split.train.matrix.nnz
    lines = (
        f"{facts['used']:,} rows, {facts['visitors']:,} visitors, {facts['items']:,} items.",
        f"Split {task.request.split}: {held_out:,} of {pairs:,} pairs held out, {report.n_visitors:,} visitors judged, "
        f"{report.left_out:,} left out as nothing was known of them.",
        "",
        report.table(),
    )
    return "\n".join(lines) + "\n" + _curve(report)


def _curve(report: Report) -> str:
    """Return the cold-start curve as a table, one column for each number of interactions that is known."""
    metric = f"ndcg@{report.ks[0]}"
    lengths = list(report.rows[0].history_lengths)
    if not lengths:
        return ""
    n_visitors = report.rows[0].history_lengths[lengths[0]].n_visitors
    rows = sorted(report.rows, key=lambda row: -row.metrics[metric])
    width = max(len(row.scorer) for row in rows)
    lines = [f"{'':{width}}" + "".join(f"{length:>8}" for length in lengths)]
    for row in rows:
        figures = (row.history_lengths[length].metrics[metric] for length in lengths)
        lines.append(f"{row.scorer:{width}}" + "".join(f"{figure:8.4f}" for figure in figures))
    title = f"{metric.upper()} by how many of a visitor's interactions are known ({n_visitors:,} visitors):"
    return "\n".join(["", title, *lines, ""])


def _check_writable(out: str | None) -> None:
    """Find out before the work, not after it, that its result cannot be written."""
    if out not in (None, STANDARD_OUTPUT) and not Path(str(out)).absolute().parent.is_dir():
        raise FileError(f"{out}: there is no such folder to write to.")


def _number(kind: Callable[[str], Any], text: str, accept: Callable[[Any], bool], wanted: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not accept(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value


def _share(text: str) -> float:
    return float(_number(float, text, lambda share: 0 < share < 1, "between 0 and 1"))


def _seconds(text: str) -> float:
    return float(_number(float, text, lambda seconds: 0 < seconds < float("inf"), "a number of seconds above zero"))


def _seed(text: str) -> int:
    return int(_number(int, text, lambda seed: 0 <= seed < 2**32, "a whole number from 0 to 4294967295"))


def _lengths(text: str) -> tuple[int, ...]:
    wanted = "one or more whole numbers from 1 to 1000"
    return tuple(dict.fromkeys(_number(int, part, lambda k: 1 <= k <= 1_000, wanted) for part in text.split(",")))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
    unknown = [name for name in names if name not in SCORERS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"no scorer {', '.join(unknown)}; there are {', '.join(sorted(SCORERS))}")
    return names
