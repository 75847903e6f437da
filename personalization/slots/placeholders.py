"""Placeholders in an editor's words: ``{visitor.first_name|there}``. Substituted once, never evaluated."""

import re
from collections.abc import Callable, Iterator, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

NAMES = {
    "first_name": gettext_lazy("the first name of the person who is signed in"),
    "top_tag": gettext_lazy("the tag the visitor likes best"),
    "last_viewed": gettext_lazy("the title of what the visitor looked at last"),
}
BRACED = re.compile(r"\{([^{}]*)\}")
INSIDE = re.compile(r"visitor\.(?P<name>\w+)(?:\|(?P<fallback>.*))?", re.DOTALL)


def validate_placeholders(text: str) -> None:
    """Refuse anything in braces that is not a known placeholder with words to fall back on."""
    problems = list(_problems(text))
    if problems:
        raise ValidationError(problems)


def fill_placeholders(text: str, values: Mapping[str, Callable[[], str]]) -> str:
    """Put values in place of placeholders; what has no value becomes its fallback.

    Values are asked for only when they are needed, and are not searched for placeholders again. The result is plain
    text: whoever puts it into HTML escapes it.
    """
    return BRACED.sub(lambda match: _filled(match, values), text)


def _filled(match: re.Match[str], values: Mapping[str, Callable[[], str]]) -> str:
    inside = INSIDE.fullmatch(match[1])
    if inside is None:
        return match[0]
    value = values[inside["name"]]() if inside["name"] in values else ""
    return value.strip() or (inside["fallback"] or "").strip()


def _problems(text: str) -> Iterator[str]:
    if re.search(r"[{}]", BRACED.sub("", text)):
        yield _("A brace is left open or closed too often. A placeholder looks like {visitor.first_name|there}.")
    for match in BRACED.finditer(text):
        inside = INSIDE.fullmatch(match[1])
        if inside is None or inside["name"] not in NAMES:
            yield _("%(text)s is not known. Known placeholders: %(names)s.") % {
                "text": match[0],
                "names": ", ".join(f"{{visitor.{name}|…}}" for name in NAMES),
            }
        elif not (inside["fallback"] or "").strip():
            yield _("%(text)s needs words for visitors of whom this is not known: {visitor.%(name)s|your words}.") % {
                "text": match[0],
                "name": inside["name"],
            }
