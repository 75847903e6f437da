"""A process of its own for the tests that kill one, or start two at once: ``python -m tests.training.worker ...``."""

import json
import os
import sys
import time
import traceback
from pathlib import Path

import django
from django.conf import settings


def main() -> None:
    django.setup()
    # What is learned does not matter here, how soon does.
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"TRAINING_MEMBERS": ("popular", "ease")}
    obey(*sys.argv[1:])


def obey(command: str, *arguments: str) -> None:
    {"train": train, "freeze": freeze, "report": report, "fork": fork}[command](*arguments)


def tell(facts: object) -> None:
    """One line of JSON, at once."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def fork() -> None:
    """Obey each line of the input in a process of its own, which finds Django loaded; then tell how that one ended."""
    for line in sys.stdin:
        if not (child := os.fork()):
            try:
                obey(*line.split())
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        tell({"ended": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])})


def train(signal: str = "") -> None:
    """Train; with a path, say that it is ready and begin as soon as that file exists."""
    from personalization.training import services

    if signal:
        tell("ready")
        while not Path(signal).exists():
            time.sleep(0.001)
    run = services.train(trigger="test")
    tell({"status": run.status, "message": run.message})


def freeze(module: str, function: str) -> None:
    """Train, but stop for ever where `function` of `module` is called."""
    from importlib import import_module

    from personalization.training import services

    def stop(*args, **kwargs) -> None:
        tell({"frozen": os.getpid()})
        time.sleep(600)

    setattr(import_module(module), function, stop)
    services.train(trigger="test")


def report() -> None:
    """Tell what the database and the store hold, and what a fresh process would serve."""
    from personalization.training import serving, storage
    from personalization.training.models import ModelVersion, TrainingRun

    bundle = serving.promoted()
    facts = {
        "runs": list(TrainingRun.objects.order_by("pk").values_list("status", flat=True)),
        "messages": list(TrainingRun.objects.order_by("pk").values_list("message", flat=True)),
        "versions": list(ModelVersion.objects.order_by("pk").values_list("status", flat=True)),
        "artifacts": sorted(ModelVersion.objects.values_list("artifact", flat=True)),
        "folders": sorted(path.name for path in storage.store().iterdir()),
        "serves": bundle.version_id if bundle else None,
    }
    tell(facts)


if __name__ == "__main__":
    main()
