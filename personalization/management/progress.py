"""How commands show how far they are."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def bars(console: Console) -> Progress:
    """Bars with what is done, how long it took and how long it will take."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)


def advance(shown: Progress, description: str) -> Callable[[int, int], None]:
    """One more bar, which is told what is done and how much there is."""
    bar = shown.add_task(description, total=None)
    return lambda done, total: shown.update(bar, completed=done, total=total)
