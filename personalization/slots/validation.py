"""What is wrong with a slot, in sentences an editor can act on."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.translation import gettext as _

from personalization.slots import choices
from personalization.slots.placeholders import validate_placeholders
from personalization.slots.rules import LARGEST_FACTOR, SMALLEST_FACTOR
from personalization.visitors.rules import validate_flag

if TYPE_CHECKING:
    from personalization.slots.models import Slot

Problem = tuple[str, Any]


def find_problems(slot: "Slot") -> Iterator[Problem]:
    """Yield the name of a field and what is wrong with it."""
    yield from _word_problems(slot)
    yield from _type_problems(slot)
    yield from _pin_problems(slot)
    yield from _rule_problems(slot)
    yield from _flag_problems(slot)
    if slot.fair_by == slot.FairBy.TAGS and not slot.fair_tags.strip(" ,"):
        yield "fair_tags", _("Name at least one tag, or share attention between sections.")
    if slot.template and not _template_exists(slot.template):
        yield "template", _("The template %(name)s does not exist.") % {"name": slot.template}


def _flag_problems(slot: "Slot") -> Iterator[Problem]:
    try:
        if slot.flag:
            validate_flag(slot.flag)
    except ValidationError as error:
        yield "flag", error


def _word_problems(slot: "Slot") -> Iterator[Problem]:
    for field in ("heading", "text"):
        try:
            validate_placeholders(getattr(slot, field))
        except ValidationError as error:
            yield field, error


def _type_problems(slot: "Slot") -> Iterator[Problem]:
    if not isinstance(slot.pool_types, list):
        yield "pool_types", _("Types must be a list.")
        return
    known = dict(choices.types())
    for name in slot.pool_types:
        if name not in known:
            yield "pool_types", _("%(name)s is not a type that this site shows.") % {"name": name}


def _pin_problems(slot: "Slot") -> Iterator[Problem]:
    for rules in (slot.rules.raw_data, *(value["rules"] for value in _values(slot, "for_segment"))):
        yield from _pin_problems_among(slot, rules)


def _pin_problems_among(slot: "Slot", rules: Iterable[Any]) -> Iterator[Problem]:
    positions = Counter(block["value"]["position"] for block in rules if block["type"] == "pin")
    for position, times in positions.items():
        if not isinstance(position, int) or not 1 <= position <= (slot.size or 0):
            message = _("Position %(position)s does not exist: the slot has places for %(size)s items.")
            yield "rules", message % {"position": position, "size": slot.size}
        elif times > 1:
            yield "rules", _("Position %(position)s is given to more than one item.") % {"position": position}


def _rule_problems(slot: "Slot") -> Iterator[Problem]:
    shown = {pin["item"] for pin in _values(slot, "pin")} | set(_values(slot, "fallback"))
    if shown & set(_values(slot, "exclude")):
        yield "rules", _("One item is both to be shown and never to be shown: take one of the two rules away.")
    for boost in [*_values(slot, "boost_item"), *_values(slot, "boost_tag")]:
        if not SMALLEST_FACTOR <= (boost["factor"] or 0) <= LARGEST_FACTOR:
            yield "rules", _("A factor must lie between 0.1 and 10.")


def _values(slot: "Slot", kind: str) -> list[Any]:
    return [block["value"] for block in slot.rules.raw_data if block["type"] == kind]


def _template_exists(name: str) -> bool:
    try:
        get_template(name)
    except TemplateDoesNotExist:
        return False
    return True
