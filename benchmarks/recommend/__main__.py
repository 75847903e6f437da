"""Measures the recommenders on real data, public libraries beside them, and fails if a claim does not hold."""

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

from rich.console import Console

from benchmarks.claims import print_claims

PARTS = ("accuracy", "cold", "lists", "speed")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommend", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"which: {', '.join(PARTS)} (all)")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the MovieLens data sets")
    parser.add_argument("--peers", type=Path, help="Python of the environment that has the other libraries")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if not (options.data / "movielens-100k" / "u.data").exists():
        parser.error(f"MovieLens is not at {options.data}: name its folder with --data")
    console, start, claims = Console(), time.perf_counter(), []
    for part in options.parts or PARTS:
        console.rule(part)
        claims += import_module(f"benchmarks.recommend.{part}").measure(options.data, options.peers, console)
    print_claims(claims, console)
    console.print(f"{time.perf_counter() - start:.0f} seconds in all.")
    return 0 if all(claim.holds for claim in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
