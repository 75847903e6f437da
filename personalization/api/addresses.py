"""Addresses that clients name: only paths of this site are taken."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from personalization.api.errors import Problem

LONGEST = 2000


def path_on_this_site(address: str, request: HttpRequest) -> str:
    """The path of an address of this site, given as a path or in full; any other is refused."""
    # Browsers read a backslash as a slash and drop control characters: what looks like a path may name a host.
    if len(address) > LONGEST or "\\" in address or any(ord(character) < 32 for character in address):
        raise _refusal()
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise _refusal() from error
    is_here = not parts.netloc and not parts.scheme
    is_full = parts.scheme in ("http", "https") and parts.netloc == request.get_host()
    if not (is_here or is_full) or not (parts.path.startswith("/") or (is_full and not parts.path)):
        raise _refusal()
    return parts.path or "/"


def _refusal() -> Problem:
    detail = _("The address must be a path on this site, such as /a/.")
    return Problem(status=400, code="bad_url", detail=detail)
