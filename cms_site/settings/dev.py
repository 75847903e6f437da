"""A fresh machine: SQLite, a file-backed queue, everything on localhost."""

import os

from django.utils.translation import gettext_lazy as _

from cms_site.demo import model
from cms_site.settings.base import *  # noqa: F403

DEBUG = True
SECRET_KEY = "for-development-only-never-in-production"  # noqa: S105
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
# What would be sent can be read there.
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"  # noqa: F405

# Where it is installed and no other is named, `manage.py demo` runs a small language model on this machine.
DEMO_MODEL_PORT = 0 if PERSONALIZATION.get("GENERATOR") else int(os.environ.get("DEMO_MODEL_PORT", "8100"))  # noqa: F405
if DEMO_MODEL_PORT and not model.missing():
    PERSONALIZATION = PERSONALIZATION | {  # noqa: F405
        "GENERATOR": "personalization.variants.generators.openai_sdk.OpenAIGenerator",
        "GENERATOR_OPTIONS": model.generator_options(DEMO_MODEL_PORT)
        | {
            "notice": _(
                "This is a demonstration model: small enough to run on this machine, and so a poor writer. What it "
                "writes shows what guardrails and reviewers are for."
            ),
        },
        "GENERATOR_PRICES": {model.NAME: {"input": 0, "output": 0}},
    }
