"""A fresh machine: SQLite, a file-backed queue, everything on localhost."""

from cms_site.settings.base import *  # noqa: F403

DEBUG = True
SECRET_KEY = "for-development-only-never-in-production"  # noqa: S105
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
