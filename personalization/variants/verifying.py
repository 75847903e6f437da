"""Whether the approval records are as they were written: each one carries the digest of its variant's record before."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from personalization.variants.choices import Act, State
from personalization.variants.models import Variant
from personalization.variants.records import ApprovalRecord, decisive_record, digest_of_record

CHUNK = 500
# What the newest decision about a variant in one of these states must have been.
LAST_ACT = {State.APPROVED: Act.APPROVED, State.REJECTED: Act.REJECTED, State.RETIRED: Act.RETIRED}


@dataclass(frozen=True)
class Fault:
    """A record, or the lack of one, that shows that somebody has been at the records."""

    variant_key: str
    record: int | None
    message: str

    def __str__(self) -> str:
        where = f"{_('record')} {self.record}" if self.record else _("no record")
        return f"{_('Variant')} {self.variant_key}, {where}: {self.message}"


def find_faults() -> Iterator[Fault]:
    """Every broken link, variant by variant; then variants whose state no record accounts for."""
    yield from _broken_links()
    yield from _unaccounted()


def _broken_links() -> Iterator[Fault]:
    key, previous = "", ""
    for entry in ApprovalRecord.objects.order_by("variant_key", "pk").iterator(chunk_size=CHUNK):
        if entry.variant_key != key:
            key, previous = entry.variant_key, ""
        if entry.digest != digest_of_record(entry):
            yield Fault(key, entry.pk, _("it does not say what it said when it was written."))
        if entry.previous != previous:
            yield Fault(key, entry.pk, _("a record before it is missing, or was written later."))
        previous = entry.digest


def _unaccounted() -> Iterator[Fault]:
    """The newest records leave no gap when they go; but the variant stands where they brought it."""
    for variant in Variant.objects.filter(state__in=LAST_ACT).only("state").iterator(chunk_size=CHUNK):
        last = decisive_record(variant)
        if last is None or last.act != LAST_ACT[State(variant.state)]:
            message = _("it is %(state)s, which its newest record does not say.")
            yield Fault(variant.key, last and last.pk, message % {"state": variant.get_state_display()})
