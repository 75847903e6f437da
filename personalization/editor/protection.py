"""What others still need is not deleted, and whoever tries is told by what it is needed."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model, ProtectedError, RestrictedError
from django.db.models.deletion import Collector
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from wagtail.admin import messages

MOST_NAMED = 5


def keep_what_is_needed(request: HttpRequest, instances: Sequence[Model]) -> HttpResponse | None:
    """Lead back to the list instead of deleting snippets of ours that something else cannot do without."""
    ours = [one for one in instances if one._meta.app_label == "personalization"]
    if request.method != "POST" or not ours or not (users := _users_of(ours)):
        return None
    named = ", ".join(f"{one._meta.verbose_name} “{one}”" for one in users[:MOST_NAMED])
    messages.error(request, _("Nothing was deleted: it is needed by %s.") % named)
    return redirect(ours[0].snippet_viewset.get_url_name("list"))


def _users_of(instances: Sequence[Model]) -> list[Any]:
    try:
        Collector(using=instances[0]._state.db or "default", origin=instances[0]).collect(list(instances))
    except ProtectedError as error:
        return sorted(error.protected_objects, key=str)
    except RestrictedError as error:
        return sorted(error.restricted_objects, key=str)
    return []
