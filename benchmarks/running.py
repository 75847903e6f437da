"""Prepares Django and an empty database, measures, prints."""

import importlib
import shutil
import time

import django
from django.conf import settings
from rich.console import Console

from benchmarks.claims import print_claims

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
    print_claims(claims, console)
    console.print(f"{time.perf_counter() - start:.0f} seconds in all.")
    return 0 if all(claim.holds for claim in claims) else 1
