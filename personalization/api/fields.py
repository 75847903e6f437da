"""Fields that take JSON's types at their word: the text "false" is no boolean, the text "3" is no number."""

import math
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class Flag(serializers.BooleanField):
    default_error_messages = {"invalid": _("Must be true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Text(serializers.CharField):
    default_error_messages = {"invalid": _("Must be a text.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class Identifier(serializers.UUIDField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or len(data) > 36:
            self.fail("invalid", value="")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    default_error_messages = {"invalid": _("Must be a finite number.")}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, (int, float)) or not _is_finite(data):
            self.fail("invalid")
        return float(data)


class WholeNumber(serializers.IntegerField):
    default_error_messages = {"invalid": _("Must be a whole number.")}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, (int, float)) or not _is_finite(data) or data % 1:
            self.fail("invalid")
        return int(data)


class Moment(serializers.DateTimeField):
    """A time as it was written: one without a zone stays without, for the rooms to refuse."""

    default_error_messages = {"invalid": _("Must be a time such as 2030-01-31T12:00:00Z.")}

    def to_internal_value(self, data: Any) -> datetime:
        try:
            moment = parse_datetime(data) if isinstance(data, str) and len(data) <= 40 else None
        except ValueError:
            moment = None
        if moment is None:
            self.fail("invalid", format="")
        return moment


class Figure(serializers.FloatField):
    """A number that was computed: what is infinite or none at all is null, for JSON has no word for it."""

    def to_representation(self, value: float) -> float | None:
        return float(value) if _is_finite(value) else None


def _is_finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
