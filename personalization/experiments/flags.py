"""A feature flag whose percentage is of visitors, not of visits: set ``WAFFLE_FLAG_MODEL`` to use it.

Waffle draws a percentage at random and keeps the draw in a cookie, which visitors can edit and which needs consent.
Here the visitor's key decides: the same visitor always gets the same answer, and raising the percentage takes it away
from nobody. Who takes part in an experiment is the experiment's affair all the same: a flag knows no control.
"""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from waffle.models import AbstractUserFlag

from personalization.stats.bucketing import bucket
from personalization.visitors.identity import read_key


class VisitorFlag(AbstractUserFlag):
    """Waffle's flag, with a percentage that holds per visitor, or per user where there is no visitor."""

    percent_needs_cookie = False

    class Meta(AbstractUserFlag.Meta):
        abstract = False
        verbose_name = _("flag by visitor")
        verbose_name_plural = _("flags by visitor")

    def _is_active_for_percent(self, request: HttpRequest, read_only: bool) -> bool | None:
        if not self.percent:
            return None
        unit = _unit_of(request)
        return bool(unit) and bucket(unit, self.name) * 100 < self.percent


def _unit_of(request: HttpRequest) -> str:
    """The visitor's key, else the user's id; empty for somebody unknown, who gets no percentage."""
    key = read_key(cookies=request.COOKIES, headers=request.headers)
    user = getattr(request, "user", None)
    return key or (f"user {user.pk}" if user is not None and user.is_authenticated else "")
