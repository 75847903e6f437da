"""What is read off an HttpRequest for its context: device, way here, name, language, and an arm that staff ask for."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import waffle
import waffle.utils
from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port
from wagtail.coreutils import get_supported_content_language_variant

from personalization.experiments.assignment import ServedExperiment
from personalization.visitors import identity
from personalization.visitors.referrers import campaign_of, referrer_class


def forced_arm(request: HttpRequest, experiment: ServedExperiment) -> str | None:
    """The arm that somebody of the staff asks for by Waffle's testing mode: ``?dwft_FLAG=ARM``."""
    asked = request.GET.get(waffle.utils.get_setting("TEST_COOKIE") % experiment.flag) if experiment.flag else None
    if not asked or not waffle.get_waffle_flag_model().get(experiment.flag).testing:
        return None
    user = getattr(request, "user", None)
    return asked if user is not None and user.has_perm("wagtailadmin.access_admin") else None


def circumstances(request: HttpRequest, is_told: bool) -> Mapping[str, Any]:
    """What a request tells of the device and the way here.

    A script that asks for a slot says by its Referer which page it runs on, and not whence the visitor came there.
    """
    referrer = request.headers.get("Referer", "")
    host = split_domain_port(request._get_raw_host())[0]
    return {
        "device": identity.device_class(request.headers.get("User-Agent", "")),
        "referrer": "" if is_told else referrer_class(referrer, host),
        "campaign": campaign_of(referrer if is_told else request.get_full_path()),
        "is_signed_in": partial(_is_signed_in, request),
    }


def _is_signed_in(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated


def first_name(request: HttpRequest) -> str:
    """What a greeting may call somebody who is logged in; empty for others."""
    user = getattr(request, "user", None)
    return user.get_short_name() if user is not None and user.is_authenticated else ""


def content_language(code: str | None) -> str:
    """A language code as the site's content has it."""
    try:
        return get_supported_content_language_variant(code or settings.LANGUAGE_CODE)
    except LookupError:
        return code or ""
