"""The visitor's own page, which needs no script, and the site's word on Global Privacy Control."""

from math import ceil
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_http_methods

from personalization.api.requests import subject_key, user_of
from personalization.api.throttles import ClientThrottle
from personalization.catalog.models import Item
from personalization.events.privacy import count_held, erase_visitor, store_choice
from personalization.visitors import identity, profiles
from personalization.visitors.services import current_visitor, get_visitor

TAGS_SHOWN = 12
ITEMS_SHOWN = 10


@require_GET
def gpc(request: HttpRequest) -> JsonResponse:
    """Say that this site abides by Global Privacy Control (https://privacycg.github.io/gpc-spec/)."""
    return JsonResponse({"gpc": True, "lastUpdate": "2026-11-22"})


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def privacy(request: HttpRequest) -> HttpResponse:
    """See what is held and allowed; change it, take it along, or have it erased."""
    if request.method != "POST":
        return render(request, "personalization/privacy.html", _what_is_held(request))
    # The forms do what the API does, and so may be sent as often.
    actions = {"consent": (_store_choice, "consent"), "erase": (_erase, "privacy")}
    if request.POST.get("action") not in actions:
        return HttpResponseBadRequest()
    act, scope = actions[request.POST["action"]]
    throttle = ClientThrottle()
    return act(request) if throttle.allows(request, scope) else _refuse(throttle.wait())


def _what_is_held(request: HttpRequest) -> dict[str, Any]:
    key = subject_key(request)
    visitor = get_visitor(key=key) if key else None
    profile = getattr(visitor, "profile", None)
    return {
        "visitor": visitor,
        "consent": getattr(visitor, "consent", None),
        "profile": profile,
        "tags": profiles.top_tags(profile, profile.updated_at, TAGS_SHOWN) if profile else [],
        "recent": _titles([item[0] for item in profiles.recent_items(profile, ITEMS_SHOWN)]) if profile else [],
        "held": count_held(key=key) if key else None,
        "refused_by_browser": identity.refuses_personalization(request.headers),
        "done": request.GET.get("done", ""),
    }


def _titles(keys: list[str]) -> list[Item]:
    items = Item.objects.filter(key__in=keys, live=True).in_bulk(field_name="key")
    return [items[key] for key in keys if key in items]


def _store_choice(request: HttpRequest) -> HttpResponse:
    allowed = {"all": True, "none": False}.get(request.POST.get("choice", ""))
    wanted = {name: name in request.POST if allowed is None else allowed for name in ("analytics", "personalization")}
    if identity.refuses_personalization(request.headers):
        wanted["personalization"] = False
    visitor = store_choice(visitor=current_visitor(request=request), user=user_of(request), **wanted)
    return _go_on(request, "saved", visitor.key if visitor else None)


def _erase(request: HttpRequest) -> HttpResponse:
    key = subject_key(request)
    if key:
        erase_visitor(key=key)
    return _go_on(request, "erased", None)


def _refuse(wait: float | None) -> HttpResponse:
    seconds = ceil(wait or 60)
    words = gettext("Too many requests. Please try again in %(seconds)d seconds.") % {"seconds": seconds}
    return HttpResponse(words, status=429, content_type="text/plain", headers={"Retry-After": seconds})


def _go_on(request: HttpRequest, done: str, key: str | None) -> HttpResponse:
    onward = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(
        onward, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        onward = f"{reverse('personalization:privacy')}?done={done}"
    response = HttpResponseRedirect(onward)
    identity.remember_cookie_change(request, key)
    identity.apply_cookie_change(request, response)
    return response
