"""A process that carries out parts of requests, for the test that kills it: ``python -m tests.variants.worker``.

Each line of its input is a module, a function of it, and a part: a fork carries out the part and stops for ever where
that function is called, having told its number.
"""

import json
import os
import sys
import time
from importlib import import_module

import django
from django.conf import settings


def main() -> None:
    django.setup()
    from personalization import conf
    from personalization.variants import generation

    settings.PERSONALIZATION = settings.PERSONALIZATION | json.loads(os.environ["GENERATOR_SETTINGS"])
    conf.get.cache_clear()

    for line in sys.stdin:
        module, function, part = line.split()
        if not (child := os.fork()):
            setattr(import_module(module), function, stop)
            generation.generate_part(part_id=int(part))
            os._exit(1)
        os.waitpid(child, 0)
        tell("ended")


def tell(fact: object) -> None:
    """One line, at once."""
    sys.stdout.write(f"{fact}\n")
    sys.stdout.flush()


def stop(*args: object, **kwargs: object) -> None:
    tell(os.getpid())
    time.sleep(600)


if __name__ == "__main__":
    main()
