"""Claims, and the small arithmetic of measuring them."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Claim:
    """One figure and the bound it must keep."""

    what: str
    measured: float
    bound: float
    unit: str = ""
    at_least: bool = False
    detail: str = ""

    @property
    def holds(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def alternate(*calls: Callable[[int], object], rounds: int) -> np.ndarray:
    """Milliseconds of several things done in turn, shape (rounds, calls): what disturbs one disturbs the others."""
    gc.collect()
    return np.array([[_milliseconds(call, number) for call in calls] for number in range(rounds)])


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def summary(values: Sequence[float] | np.ndarray) -> str:
    """Median and spread, for the table."""
    low, middle, high = np.percentile(values, [10, 50, 90])
    return f"median {middle:.2f}, 10-90 %: {low:.2f} to {high:.2f}"


def print_claims(claims: Sequence[Claim], console: Console) -> None:
    """Print the table of claims."""
    table = Table("claim", "measured", "bound", "", "detail")
    for claim in claims:
        bound = f"{'≥' if claim.at_least else '≤'} {claim.bound:.3g}{claim.unit}"
        measured = f"{claim.measured:.3g}{claim.unit}"
        table.add_row(claim.what, measured, bound, "yes" if claim.holds else "NO", claim.detail)
    console.print(table)


def _milliseconds(call: Callable[[int], object], number: int) -> float:
    return 1000 * seconds(lambda: call(number))
