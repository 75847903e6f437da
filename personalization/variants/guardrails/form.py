"""The form that words must have: known fields, plain text, neither too long nor empty."""

from collections.abc import Iterator, Mapping
from typing import Any

from personalization.variants.guardrails.records import FIELDS, LARGEST, PARAGRAPHS, Draft, Hit, Rules, shortened


def storable(words: Mapping[Any, Any]) -> dict[str, str]:
    """What of an answer can be kept at all, by field; a database takes neither every character nor any length.

    Examples
    --------
    >>> storable({"headline": "A\\x00B", "summary": 3, "nonsense": "C"})
    {'headline': 'AB'}
    """
    return {
        name: words[name].encode("utf-8", "ignore").decode().replace("\x00", "")[: LARGEST[name]]
        for name in FIELDS
        if isinstance(words.get(name), str)
    }


def find_misshapen(draft: Draft) -> Iterator[Hit]:
    """Fields that nobody knows, and values that are no text."""
    for name, value in draft.words.items():
        if name not in FIELDS:
            yield Hit("unknown_field", excerpt=shortened(str(name)))
        elif not isinstance(value, str):
            yield Hit("not_text", name, params={"kind": type(value).__name__})


def find_empty(words: Mapping[str, str]) -> Iterator[Hit]:
    """Nothing to say in any of the fields."""
    if not any(any(letter.isalnum() for letter in text) for text in words.values()):
        yield Hit("empty")


def find_long(name: str, text: str, rules: Rules) -> Iterator[Hit]:
    """More characters than the template, or else the guardrails, allow."""
    limit = min(rules.limits.get(name, LARGEST[name]), LARGEST[name])
    if len(text) > limit:
        yield Hit("too_long", name, params={"length": len(text), "limit": limit})


def find_lines(name: str, text: str) -> Iterator[Hit]:
    """Line breaks where there is one line only."""
    if name not in PARAGRAPHS and "\n" in text:
        yield Hit("one_line", name, params={"lines": text.count("\n") + 1})


def on_one_line(name: str, text: str) -> str:
    """The text as its field can show it.

    Examples
    --------
    >>> on_one_line("headline", "Stars\\n at hand"), on_one_line("summary", "Stars\\nat hand")
    ('Stars at hand', 'Stars\\nat hand')
    """
    return text if name in PARAGRAPHS or "\n" not in text else " ".join(text.split())
