"""A variant held against the guardrails: the pure rules find, and this keeps what they find."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from personalization.variants.choices import State
from personalization.variants.gathering import material_for, rules_for
from personalization.variants.guardrails.check import check
from personalization.variants.guardrails.records import Checked, Draft, Finding, Rules
from personalization.variants.guardrails.registry import OFF, REDACT
from personalization.variants.hashing import content_digest, digest_of, source_digest
from personalization.variants.lifecycle import lock, put

# Nobody judges these yet: what is to be taken out of the words is taken out at once.
OPEN = (State.DRAFT, State.CHANGES)
MEANING = "meaning"


@dataclass(frozen=True)
class Examination:
    """What the rules said, which rules they were, and whether the meanings were compared, too."""

    checked: Checked
    rules: Rules
    is_measured: bool


def check_variant(*, variant: Any, measures_meaning: bool = False) -> Any:
    """Check a variant as it stands, with the rules of its language, and keep the findings.

    What has to be taken out of a draft is taken out, as a revision of its last editor's; words that somebody judges, or
    has approved, stay as they are, and the finding blocks. `measures_meaning` compares by embeddings, too, and asks
    for hosts: it loads a model and waits for the network, so it is left to workers. No lock is held meanwhile: where
    somebody has saved other words by then, nothing is kept, for those have been checked.
    """
    examination = examine(variant, measures_meaning=measures_meaning)
    with transaction.atomic():
        if lock(variant).content_hash == content_digest(variant):
            _settle(variant, examination)
    return variant


def _settle(variant: Any, examination: Examination) -> None:
    if examination.checked.words != variant.words and variant.state in OPEN:
        take_words(variant, examination)
        last = variant.latest_revision
        variant.save_revision(user=last and last.user, clean=False)
    keep(variant, examination)


def examine(variant: Any, *, measures_meaning: bool = False) -> Examination:
    """What the rules say of a variant's words. Nothing is written."""
    rules = rules_for(variant)
    checked = check(Draft(variant.words), material_for(variant, is_worker=measures_meaning), rules)
    return Examination(checked, rules, measures_meaning)


def take_words(variant: Any, examination: Examination) -> None:
    """Put the words that may be kept in place of those that came."""
    for name, words in examination.checked.words.items():
        setattr(variant, name, words)


def keep(variant: Any, examination: Examination) -> None:
    """Keep what was found in a variant's words, and which rules looked at which words of which source."""
    checked = examination.checked
    is_cut = checked.words == variant.words
    findings = [one if is_cut or one.severity != REDACT else one.raised() for one in checked.findings]
    mark = digest_of(variant.words | {"source": source_digest(variant)})[:16]
    put(
        variant,
        findings=[*(_marked(one, mark) for one in findings), *_earlier(variant, examination, mark)],
        rules_version=examination.rules.version,
        checked_hash=f"{variant.content_hash}:{source_digest(variant)}",
        checked_at=timezone.now(),
    )


def _marked(finding: Finding, mark: str) -> dict[str, Any]:
    """What another look at the same words will not find again says of which words it is."""
    lasts = finding.severity == REDACT or finding.rule == MEANING
    return finding.as_dict() | ({"params": {**finding.params, "of": mark}} if lasts else {})


def _earlier(variant: Any, examination: Examination, mark: str) -> list[dict[str, Any]]:
    """What was found before and holds for these words: what was cut out of them, and how alike the meanings are."""
    found = [raw for raw in variant.findings if raw["params"].get("of") == mark]
    cut = [raw for raw in found if raw["rule"] != MEANING]
    rules, severity = examination.rules, examination.rules.severity(MEANING)
    if examination.is_measured or severity == OFF:
        return cut
    far = [one for one in found if one["rule"] == MEANING and one["params"]["similarity"] < rules.least_similarity]
    return cut + [raw | {"severity": severity} for raw in far]
