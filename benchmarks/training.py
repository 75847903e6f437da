"""From database rows to a promoted version: seconds and memory, on ml-latest-small."""

import resource
import sys
from pathlib import Path

from django.core.management import call_command
from rich.console import Console

from benchmarks.claims import Claim, seconds
from personalization.events.models import Event
from personalization.training.models import ModelVersion
from personalization.training.services import train

MEGABYTE = 2**20


def measure(data: str, console: Console) -> list[Claim]:
    if not Path(data).is_dir():
        console.print(f"There is no data set at {data}: name its folder with --data.")
        return []
    call_command("load_movielens", data)
    before = _peak()
    took = seconds(lambda: train(trigger="benchmark"))
    version = ModelVersion.objects.get(status=ModelVersion.Status.PROMOTED)
    console.print(version.verdict)
    return [
        Claim("training to promotion", took, 30, " s", detail=f"{Event.objects.count():,} events"),
        Claim(
            "peak memory of the process", _peak() / MEGABYTE, 1024, " MB", detail=f"{before / MEGABYTE:.0f} MB before"
        ),
    ]


def _peak() -> float:
    """Bytes; Linux counts in kilobytes, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
