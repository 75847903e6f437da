"""Variants that a test has shown to do worse than the original: their retirement is proposed, and left to a person."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization.experiments.variant_results import VariantResults, read_results
from personalization.experiments.wording import between, signed
from personalization.variants.choices import Act, State
from personalization.variants.lifecycle import lock, put
from personalization.variants.models import Variant
from personalization.variants.records import record


def judge_variants() -> int:
    """Propose the retirement of what loses, take proposals back that no longer hold; return how many are proposed."""
    shown = Variant.objects.filter(state=State.APPROVED, live=True).select_related("item", "slot", "segment")
    return sum(_judge(variant) for variant in shown.defer("item__text").order_by("pk"))


def proposed() -> Any:
    """The variants whose retirement is proposed, the oldest proposal first."""
    return Variant.objects.filter(state=State.APPROVED, losing_since__isnull=False).order_by("losing_since")


def _judge(variant: Variant) -> bool:
    results = read_results(variant)
    is_losing = results is not None and results.is_losing
    if is_losing != bool(variant.losing_since):
        _note(variant, results if is_losing else None)
    return is_losing


@transaction.atomic
def _note(variant: Variant, results: VariantResults | None) -> None:
    row = lock(variant)
    if row.state != State.APPROVED or bool(row.losing_since) == bool(results):
        return
    put(row, losing_since=timezone.now() if results else None)
    if results:
        record(row, Act.PROPOSED, comment=_reason(results))


def _reason(results: VariantResults) -> str:
    comparison = results.comparison
    return _("Clicks against the original: %(effect)s (%(interval)s), in “%(experiments)s”.") % {
        "effect": signed(comparison.effect or 0.0),
        "interval": between(comparison.interval),
        "experiments": ", ".join(results.experiments),
    }
