"""For those who watch the process: /healthz says that it runs, /readyz what it can do."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from personalization.monitoring.health import Part, check_readiness


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all; it touches nothing else."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when pages can be served, if need be with fallbacks ("degraded"), and 503 when they cannot."""
    readiness = check_readiness()
    body = {"status": readiness.status, "checks": {part.name: _told(part) for part in readiness.parts}}
    return JsonResponse(body, status=503 if readiness.status == "down" else 200)


def _told(part: Part) -> dict[str, object]:
    told: dict[str, object] = {"status": "ok" if part.works else "failed", "milliseconds": part.milliseconds}
    return told if part.works else {**told, "error": part.error}
