"""Is this process fit to answer? Each part is tried for real; only the database is one that pages cannot do without."""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from celery import current_app
from django.core.cache import cache
from django.db import connection

from personalization.monitoring import metrics
from personalization.training.models import ModelVersion
from personalization.training.storage import verify_version

logger = logging.getLogger(__name__)

BROKER_SECONDS = 2
# Hashing a large artifact takes a moment, and probes come every few seconds.
ARTIFACT_SECONDS = 60

_verified: dict[tuple[int, str], float] = {}


@dataclass(frozen=True)
class Part:
    """One thing the site stands on: whether it works, and the kind of error if not."""

    name: str
    works: bool
    essential: bool
    milliseconds: float
    error: str = ""


@dataclass(frozen=True)
class Readiness:
    """All parts together: "ok", "degraded" (pages answer, with fallbacks) or "down"."""

    parts: tuple[Part, ...]

    @property
    def status(self) -> str:
        broken = [part for part in self.parts if not part.works]
        if any(part.essential for part in broken):
            return "down"
        return "degraded" if broken else "ok"


def check_readiness() -> Readiness:
    """Try database, cache, promoted model and broker, and say what works."""
    database = _try("database", _use_database, essential=True)
    others: Mapping[str, Callable[[], None]] = {"cache": _use_cache, "broker": _reach_broker}
    if database.works:
        others = {**others, "model": _verify_model}
        # Processes that share a metrics folder are not asked for their values: they write them down, here.
        metrics.renew()
    return Readiness((database, *(_try(name, use) for name, use in others.items())))


def _try(name: str, use: Callable[[], None], *, essential: bool = False) -> Part:
    started = monotonic()
    try:
        use()
        error = ""
    except Exception as problem:  # whatever is wrong with a part, the others are still to be judged
        # The answer is public and errors quote addresses, so it only names their kind; the log tells the rest.
        error = type(problem).__name__
        logger.warning("Readiness: %s does not work: %s: %s", name, error, problem)
    return Part(name, not error, essential, round((monotonic() - started) * 1000, 1), error)


def _use_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def _use_cache() -> None:
    key, value = f"personalization:ready:{secrets.token_hex(8)}", secrets.token_hex(8)
    cache.set(key, value, timeout=10)
    if cache.get(key) != value:
        raise LookupError("what was written could not be read back")
    cache.delete(key)


def _reach_broker() -> None:
    with current_app.connection_for_write(connect_timeout=BROKER_SECONDS) as broker:
        broker.ensure_connection(max_retries=0, timeout=BROKER_SECONDS)


def _verify_model() -> None:
    """No promoted version is a good state: slots then use content and popularity."""
    version = ModelVersion.objects.promoted()
    if version is None:
        return
    mark = (version.pk, version.digest)
    if monotonic() - _verified.get(mark, -ARTIFACT_SECONDS) < ARTIFACT_SECONDS:
        return
    verify_version(version)
    _verified.clear()
    _verified[mark] = monotonic()
