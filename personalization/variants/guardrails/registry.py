"""The rules: how grave each one's findings are unless somebody says otherwise, and what else may be said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["block", "redact", "warn", "off"]

BLOCK: Severity = "block"
REDACT: Severity = "redact"
WARN: Severity = "warn"
OFF: Severity = "off"


@dataclass(frozen=True)
class Rule:
    """One rule. `redacts`: what it finds can be taken out. `yields`: it may be a mere warning, or be off."""

    default: Severity
    redacts: bool = False
    yields: bool = True

    @property
    def severities(self) -> tuple[Severity, ...]:
        """What a site may choose from.

        Examples
        --------
        >>> Rule(REDACT, redacts=True, yields=False).severities
        ('block', 'redact')
        """
        return (BLOCK, *([REDACT] if self.redacts else []), *([WARN, OFF] if self.yields else []))


# What would reach a browser as something else than words, or hide from the reviewer's eyes, is never let through.
RULES: Mapping[str, Rule] = {
    "unknown_field": Rule(BLOCK, yields=False),
    "not_text": Rule(BLOCK, yields=False),
    "empty": Rule(BLOCK, yields=False),
    "too_long": Rule(BLOCK),
    "one_line": Rule(REDACT, redacts=True),
    "active_content": Rule(BLOCK, yields=False),
    "markup": Rule(REDACT, redacts=True, yields=False),
    "hidden_characters": Rule(REDACT, redacts=True, yields=False),
    "odd_characters": Rule(REDACT, redacts=True),
    "mixed_scripts": Rule(BLOCK),
    "foreign_script": Rule(BLOCK),
    "link_scheme": Rule(BLOCK, redacts=True),
    "link_disguised": Rule(BLOCK, redacts=True),
    "link_domain": Rule(BLOCK, redacts=True),
    "link_missing": Rule(BLOCK, redacts=True),
    "link_unknown": Rule(WARN, redacts=True),
    "banned": Rule(BLOCK, redacts=True),
    "required": Rule(BLOCK),
    "personal_data": Rule(BLOCK, redacts=True),
    "public_data": Rule(WARN, redacts=True),
    "numbers": Rule(BLOCK),
    "dates": Rule(BLOCK),
    "prices": Rule(BLOCK),
    "quotations": Rule(BLOCK),
    "names": Rule(BLOCK),
    "possible_names": Rule(WARN),
    "meaning": Rule(WARN),
    "language": Rule(BLOCK),
    "reading_level": Rule(WARN),
    "like_source": Rule(WARN),
    "like_variant": Rule(WARN),
    "claims": Rule(WARN, redacts=True),
    "profanity": Rule(BLOCK, redacts=True),
    "prompt_leak": Rule(BLOCK),
    "placeholders": Rule(BLOCK),
}
