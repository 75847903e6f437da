"""How much memory a piece of work takes, native libraries included."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

KILOBYTES_A_MEGABYTE = 1024
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"


class PeakMemory:
    """Measures how far the process's resident memory rises above where it stood when the work began.

    On Linux the kernel keeps the high-water mark itself, so nothing is missed: neither what NumPy takes nor what C++
    takes, however briefly. Elsewhere `megabytes` stays NaN, as no figure is better than one that means something else.
    Resetting the mark is seen by whoever else asks this process for it, such as ``getrusage``.

    Examples
    --------
    >>> with PeakMemory() as peak:
    ...     block = bytearray(50_000_000)
    >>> peak.megabytes > 40 or peak.megabytes != peak.megabytes
    True
    """

    megabytes: float = float("nan")

    def __enter__(self) -> Self:
        gc.collect()
        _return_freed_memory()
        try:
            RESET.write_text(RESET_PEAK, encoding="ascii")
            self._before: float | None = _read("VmRSS")
        except OSError:
            self._before = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            self.megabytes = max(_read("VmHWM") - self._before, 0.0)


def _read(word: str) -> float:
    """Return one of the kernel's figures about this process, in megabytes."""
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    line = next(line for line in lines if line.startswith(f"{word}:"))
    return int(line.split()[1]) / KILOBYTES_A_MEGABYTE


def _return_freed_memory() -> None:
    """Have the C library give back what it keeps for later; else the next piece of work would seem to need less."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # the GNU library's; others give back by themselves
        if trim is not None:
            trim(0)
