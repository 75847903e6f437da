"""Prepares Django and an empty database, measures, prints."""

import importlib
import shutil
import time

import django
from django.conf import settings
from rich.console import Console
from rich.table import Table

django.setup()

from django.core.management import call_command  # noqa: E402 (needs the setup above)

console = Console()


def measure(name: str, data: str) -> int:
    """Run one benchmark and print its claims; 1 if one of them does not hold."""
    start = time.perf_counter()
    console.rule(name)
    try:
        call_command("migrate", verbosity=0)
        claims = importlib.import_module(f"benchmarks.{name}").measure(data, console)
    finally:
        shutil.rmtree(settings.VAR_DIR, ignore_errors=True)
    table = Table("claim", "measured", "bound", "", "detail")
    for claim in claims:
        sign = "≥" if claim.at_least else "≤"
        bound = f"{sign} {claim.bound:g}{claim.unit}"
        table.add_row(
            claim.what, f"{claim.measured:.3g}{claim.unit}", bound, "yes" if claim.holds else "NO", claim.detail
        )
    console.print(table)
    console.print(f"{time.perf_counter() - start:.0f} seconds in all.")
    return 0 if all(claim.holds for claim in claims) else 1
