"""Placeholders: only those that the source itself uses, and with words for visitors of whom nothing is known."""

import re
from collections.abc import Iterator

from personalization.variants.guardrails.records import Hit, Material, hit

BRACED = re.compile(r"\{([^{}]*)\}")
OWN = re.compile(r"visitor\.(?P<name>\w+)\|(?P<fallback>[^|]*\w[^|]*)")
# What other systems would fill in.
FOREIGN = re.compile(r"\$\{|\{\{|\{%|\{#|%\(\w+\)[sd]|%\w+%|<%|\[%|#\{|\$\w+\$|\[\[\w+\]\]|\*\|\w+\|\*")


def find_placeholders(name: str, text: str, material: Material) -> Iterator[Hit]:
    """Everything that looks like a placeholder and is not one of the source's.

    Examples
    --------
    >>> greeting = Material(placeholders=frozenset({"first_name"}))
    >>> list(find_placeholders("headline", "Good day, {visitor.first_name|you}", greeting))
    []
    >>> [found.excerpt for found in find_placeholders("headline", "Dear {visitor.email|you}", greeting)]
    ['{visitor.email|you}']
    """
    good = [match for match in BRACED.finditer(text) if _is_own(match[1], material)]
    rest = list(text)
    for match in good:
        rest[match.start() : match.end()] = " " * (match.end() - match.start())
    others = "".join(rest)
    found = BRACED.search(others) or FOREIGN.search(others) or re.search(r"[{}]", others)
    if found:
        yield hit("placeholders", name, text, found.start(), found.end())


def names_in(text: str) -> frozenset[str]:
    """The names of the placeholders that a text uses.

    Examples
    --------
    >>> sorted(names_in("Good day, {visitor.first_name|you}"))
    ['first_name']
    """
    inside = (OWN.fullmatch(match[1]) for match in BRACED.finditer(text))
    return frozenset(found["name"] for found in inside if found)


def said(text: str) -> str:
    """The words that a placeholder falls back on, and all others; every character keeps its place.

    Examples
    --------
    >>> said("Hi {visitor.first_name|you}!")
    'Hi                     you !'
    """
    return re.sub(r"\{visitor\.\w+\||[{}]", lambda match: " " * len(match[0]), text)


def without_placeholders(text: str) -> str:
    """The text with spaces in place of what is braced, so that every character keeps its place."""
    return BRACED.sub(lambda match: " " * len(match[0]), text)


def _is_own(inside: str, material: Material) -> bool:
    found = OWN.fullmatch(inside)
    return found is not None and found["name"] in material.placeholders
