"""What was asked of the model, as editors follow it: part by part, with what each took and what came of it."""

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from personalization import conf
from personalization.editor.variant_facts import count_or_unknown, money_or_unknown
from personalization.variants import generation
from personalization.variants.choices import PartStatus, RequestStatus
from personalization.variants.models import GenerationCall, GenerationPart, GenerationRequest, Variant

NONE = "–"
UNDER_WAY = (RequestStatus.QUEUED, RequestStatus.RUNNING)
STATUS_CLASSES = {
    PartStatus.DONE: "w-status--primary",
    PartStatus.FAILED: "slot-status--alert",
    PartStatus.STOPPED: "slot-status--quiet",
}


def spent(progress: generation.Progress) -> str:
    """What a request took, in a few words; what is not known is said to be unknown, and never counts as nothing."""
    if not progress.calls:
        return gettext("nothing yet")
    tokens = ngettext("%(n)s token", "%(n)s tokens", progress.tokens) % {"n": count_or_unknown(progress.tokens)}
    told = f"{tokens}; {gettext('cost')} {priced(progress.money)}"
    if not progress.unknown:
        return told
    missing = ngettext("of %(n)s call not all is known", "of %(n)s calls not all is known", progress.unknown) % {
        "n": progress.unknown
    }
    return f"{told} ({missing})"


def priced(money: Decimal | None) -> str:
    """An amount with its currency."""
    return gettext("unknown") if money is None else f"{money_or_unknown(money)} {conf.get().generator_currency}"


def progress_of(request: GenerationRequest) -> str:
    """How many of its parts are done, from a request with counts."""
    return gettext("%(done)s of %(all)s") % {"done": request.done, "all": request.all}


def with_counts(requests: QuerySet[GenerationRequest]) -> QuerySet[GenerationRequest]:
    """Requests with the number of their parts, of those done and failed, and of their drafts."""
    return requests.annotate(
        all=Count("parts", distinct=True),
        done=Count("parts", distinct=True, filter=Q(parts__status=PartStatus.DONE)),
        failed=Count("parts", distinct=True, filter=Q(parts__status=PartStatus.FAILED)),
        drafts=Count("parts__variants", distinct=True),
    )


def parts_of(request: GenerationRequest) -> Iterator[GenerationPart]:
    """The parts of a request with their sources and drafts, as its page shows them."""
    drafts = Variant.objects.select_related("item", "slot").order_by("pk")
    parts = request.parts.select_related("item", "slot", "segment").prefetch_related(Prefetch("variants", drafts))
    for part in parts:
        part.status_class = STATUS_CLASSES.get(part.status, "")
        part.waits_until = part.not_before if part.not_before and part.not_before > timezone.now() else None
        yield part


def calls_of(request: GenerationRequest) -> Iterator[GenerationCall]:
    """Every call that a request has made, with its figures in words."""
    for call in GenerationCall.objects.filter(part__request=request).order_by("pk"):
        call.told = {
            "time": _seconds(call.latency_ms),
            "read": count_or_unknown(call.input_tokens),
            "written": count_or_unknown(call.output_tokens),
            "cost": priced(call.money),
        }
        yield call


def _seconds(milliseconds: int | None) -> str:
    known = milliseconds is not None
    return gettext("%(number)s s") % {"number": number_format(milliseconds / 1000, 1)} if known else gettext("unknown")
