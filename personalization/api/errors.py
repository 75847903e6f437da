"""One shape for every refusal of the API: ``{"code": ..., "detail": ...}``."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

NON_FIELD = "non_field_errors"
CODES = {"parse_error": "bad_json", "authentication_failed": "not_allowed", "permission_denied": "not_allowed"}


class Problem(exceptions.APIException):
    """A refusal with a stable code of its own."""

    def __init__(self, *, status: int, code: str, detail: Any) -> None:
        super().__init__(detail, code)
        self.status_code = status


def too_large(limit: int) -> Problem:
    """A body of more bytes than are accepted."""
    detail = _("The body is larger than %(limit)d bytes.") % {"limit": limit}
    return Problem(status=413, code="too_large", detail=detail)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn any exception that HTTP has a word for into the API's shape; others become Django's 500."""
    if isinstance(error, Http404):
        error = exceptions.NotFound(*error.args)
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    if isinstance(error, exceptions.ValidationError):
        code, detail = "invalid", first_fault(error.detail)
    else:
        code, detail = str(getattr(error.detail, "code", error.default_code)), str(error.detail)
    response.data = {"code": CODES.get(code, code), "detail": detail}
    return response


def first_fault(detail: Any, path: str = "") -> str:
    """The first of the validation's findings, with the path to it: ``events.3.value: Must be a finite number.``"""
    if isinstance(detail, Mapping):
        name, inner = next((name, inner) for name, inner in detail.items() if inner)
        return first_fault(inner, path if name == NON_FIELD else f"{path}.{name}".lstrip("."))
    if isinstance(detail, list):
        index, inner = next((index, inner) for index, inner in enumerate(detail) if inner)
        return first_fault(inner, f"{path}.{index}" if isinstance(inner, (Mapping, list)) else path)
    return f"{path}: {detail}" if path else str(detail)
