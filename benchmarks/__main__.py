"""Runs the benchmarks, each in a process of its own, and fails if a claim does not hold."""

import argparse
import os
import subprocess
import sys

NAMES = ("serving", "freshness", "training", "embedding", "ingestion", "aggregation")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"which: {', '.join(NAMES)} (all)")
    parser.add_argument(
        "--data", default="../shared/data/movielens-small", help="folder of ml-latest-small, for training"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    names = options.names or NAMES
    if len(names) == 1:
        return run(names[0], options.data)
    command = [sys.executable, "-m", "benchmarks", "--data", options.data]
    return max(subprocess.run([*command, name], check=False).returncode for name in names)


def run(name: str, data: str) -> int:
    # The settings and the database must stand before anything of Django's is imported.
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    from benchmarks.running import measure

    return measure(name, data)


if __name__ == "__main__":
    sys.exit(main())
