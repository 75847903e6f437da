"""The suite: SQLite unless DATABASE_URL, REDIS_URL and CELERY_BROKER_URL name real services."""

import os

from cms_site.settings.base import *  # noqa: F403

DEBUG = False
INSTALLED_APPS = [*INSTALLED_APPS, "tests.shop"]  # noqa: F405
SECRET_KEY = "for-tests-only"  # noqa: S105
ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if REDIS_URL:  # noqa: F405
    # One Redis serves all workers of pytest-xdist, and each sees only what is its own.
    CACHES["default"]["KEY_PREFIX"] = os.environ.get("PYTEST_XDIST_WORKER", "alone")  # noqa: F405
# Tasks run where they are called; the tests that are about the queue start a real worker.
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
PERSONALIZATION = PERSONALIZATION | {  # noqa: F405
    "EMBEDDER": "personalization.catalog.embedders.dummy.DummyEmbedder",
    # A stalled machine must not turn a decision into its fallback; the tests that are about lateness set their own.
    "DEADLINE_MS": 60_000,
    # A test that needs a model names one; none is asked because a machine's environment does.
    "GENERATOR": "",
}
