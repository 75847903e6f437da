"""The development settings as a deployment would run them, with a database of their own."""

import os
import tempfile

# A folder of its own, whatever the environment says: the benchmarks empty it when they have done.
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="slots-benchmark-")

from cms_site.settings.dev import *  # noqa: F403
from cms_site.settings.dev import BASE_DIR, PERSONALIZATION, TEMPLATES

DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.urls"
CELERY_TASK_ALWAYS_EAGER = True
LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {"personalization": {"level": "ERROR"}}}
TEMPLATES = [TEMPLATES[0] | {"DIRS": [BASE_DIR / "benchmarks" / "templates", *TEMPLATES[0]["DIRS"]]}]
PERSONALIZATION = PERSONALIZATION | {
    "EMBEDDER": "personalization.catalog.embedders.dummy.DummyEmbedder",
    # A slot that is late gets its fallback, which is quick: the time that the real decision takes is what is measured.
    "DEADLINE_MS": 60_000,
}
