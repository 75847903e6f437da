"""The ways that lead to asking for variants, with what they are about filled in."""

from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from wagtail.admin.widgets.button import Button, HeaderButton

from personalization.editor.asking_policy import GENERATE


def ask_buttons(user: Any, kind: type[Button] = Button, **chosen: Any) -> list[Button]:
    """The button that asks, for whoever may; `chosen` is as in ``items=3``."""
    if not user.has_perm(GENERATE):
        return []
    query = f"?{urlencode(chosen, doseq=True)}" if chosen else ""
    url = reverse("personalization_requests:ask") + query
    icon = "plus" if kind is HeaderButton else "edit"
    return [kind(gettext("Ask for variants"), url=url, icon_name=icon, priority=20)]
