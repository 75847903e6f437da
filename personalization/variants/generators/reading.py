"""What a server's answer says, whatever it may send: nothing in it is taken for granted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

from personalization.variants.choices import CallStatus
from personalization.variants.generators.base import Usage

# What servers differ in. Lengths are left to the guardrails: a headline that is too long is still worth a look.
LENGTHS = ("minLength", "maxLength", "pattern", "format")
MOST_TOKENS = 10**9


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the model wrote, and how it ended: OK, REFUSED, CUT_OFF, MALFORMED or SERVER_ERROR."""

    text: str = ""
    status: CallStatus = CallStatus.OK
    usage: Usage = field(default_factory=Usage)
    model: str = ""


def read_response(body: Any) -> Reading:
    """An answer of the Responses API."""
    output = _at(body, "output")
    parts = [
        part
        for item in (output if isinstance(output, list) else [])
        if _at(item, "type") == "message" and isinstance(_at(item, "content"), list)
        for part in item["content"]
    ]
    text = "".join(_text(_at(part, "text")) for part in parts if _at(part, "type") == "output_text")
    reason = _at(body, "incomplete_details", "reason")
    if _at(body, "status") == "failed":
        status = CallStatus.SERVER_ERROR
    elif reason == "content_filter" or any(_at(part, "type") == "refusal" for part in parts):
        status = CallStatus.REFUSED
    elif _at(body, "status") == "incomplete":
        status = CallStatus.CUT_OFF
    else:
        status = CallStatus.OK if text else CallStatus.MALFORMED
    return Reading(text=text, status=status, usage=_usage(body, "input_tokens", "output_tokens"), model=_model(body))


def read_completion(body: Any) -> Reading:
    """An answer of Chat Completions."""
    message = _at(body, "choices", 0, "message")
    text = _text(_at(message, "content"))
    reason = _at(body, "choices", 0, "finish_reason")
    if reason == "content_filter" or _at(message, "refusal"):
        status = CallStatus.REFUSED
    elif reason == "length":
        status = CallStatus.CUT_OFF
    else:
        status = CallStatus.OK if text else CallStatus.MALFORMED
    usage = _usage(body, "prompt_tokens", "completion_tokens")
    return Reading(text=text, status=status, usage=usage, model=_model(body))


def read_images(body: Any) -> Reading:
    """An answer of the images endpoint. An address instead of an image is no answer: we fetch nothing from anywhere."""
    text = _text(_at(body, "data", 0, "b64_json"))
    status = CallStatus.OK if text else CallStatus.MALFORMED
    return Reading(text=text, status=status, usage=_usage(body, "input_tokens", "output_tokens"))


def without_lengths(schema: Any) -> Any:
    """A schema without the keywords of strings that not every server knows."""
    if isinstance(schema, list):
        return [without_lengths(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    is_string = schema.get("type") == "string"
    return {name: without_lengths(part) for name, part in schema.items() if not (is_string and name in LENGTHS)}


def alternatives_in(text: str, schema: Mapping[str, Any]) -> tuple[Mapping[str, str], ...] | None:
    """The alternatives that a text spells out as JSON; None unless it is exactly of the schema's form."""
    try:
        answer = json.loads(text)
        text.encode()
        json.dumps(answer, ensure_ascii=False).encode()  # an escaped half of a character is none
    except (ValueError, RecursionError):
        return None
    if "\\u0000" in text or not Draft202012Validator(without_lengths(schema)).is_valid(answer):
        return None
    return tuple(answer["alternatives"])


def _at(value: Any, *path: str | int) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _usage(body: Any, read: str, written: str) -> Usage:
    return Usage(*(_count(_at(body, "usage", name)) for name in (read, written)))


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def _model(body: Any) -> str:
    return "".join(letter for letter in _text(_at(body, "model"))[:120] if letter.isprintable())
