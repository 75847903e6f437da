"""Run by test_web_process in a process of its own: what a web server does, with the real embedder and a real queue.

Its last line is what happened, as JSON.
"""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

VAR = Path(os.environ["VAR_DIR"])
os.environ["DJANGO_SETTINGS_MODULE"] = "cms_site.settings.dev"
for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
    os.environ.pop(name, None)

from cms_site.settings import dev  # noqa: E402
from tests.basepage.settings import WithoutMigrations  # noqa: E402

dev.MIGRATION_MODULES = WithoutMigrations()

from cms_site.wsgi import application  # noqa: E402


def ask(method: str, path: str, body: Any = None) -> str:
    """The status line of what the WSGI application answers."""
    content = json.dumps(body).encode() if body is not None else b""
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(content)),
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
    }
    answer = application(environ, lambda status, headers, exc_info=None: statuses.append(status))
    b"".join(answer)
    answer.close()
    return statuses[0]


def main() -> dict[str, Any]:
    from django.core.management import call_command

    from personalization.catalog import snapshot
    from personalization.catalog.models import Embedding
    from personalization.slots.models import Slot
    from tests import factories

    call_command("migrate", run_syncdb=True, verbosity=0)
    factories.default_site()
    page = factories.ArticlePageFactory(title="The Moon")
    page.save_revision().publish()
    Slot.objects.create(key="home")
    asked = {
        "page": ask("GET", page.url),
        "cms": ask("GET", "/api/cms/v2/pages/"),
        "decisions": ask("POST", "/api/personalization/v1/decisions/", {"slots": ["home"], "context": {"url": "/"}}),
    }
    return {
        "asked": asked,
        "shown": [card.title for card in snapshot.current().cards],
        "queued": len(list((VAR / "queue" / "messages").iterdir())),
        "embedded": Embedding.objects.count(),
        "heavy": sorted({"torch", "sentence_transformers", "transformers"} & sys.modules.keys()),
    }


print(json.dumps(main()))  # noqa: T201
