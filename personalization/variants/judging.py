"""What editors think of drafts and of recommendations: kept, reported, and handed to prompts and to training."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from django.db import models, transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from personalization.catalog.models import Epoch, Item
from personalization.catalog.snapshot import Catalog
from personalization.recommend.votes import Votes
from personalization.variants.asking import PromptTemplate
from personalization.variants.choices import State
from personalization.variants.models import Variant
from personalization.variants.records import Judgement

# Advanced by each judgement of an item: processes then read the votes again, and nothing else.
EPOCH = "opinions"
GOOD, BAD = Q(judgements__is_good=True), Q(judgements__is_good=False)
# The report's columns: of each judgement the model, prompt template or slot that it is about, where there is one.
SUBJECTS = {"model": "variant__model", "template": "variant__part__request__template__name", "slot": "slot_key"}


@transaction.atomic
def judge(
    *,
    user: Any,
    is_good: bool,
    comment: str = "",
    variant: Variant | None = None,
    item: Item | None = None,
    slot_key: str = "",
) -> Judgement:
    """Keep what an editor thinks of a variant, or of an item in a slot; their last word counts."""
    judgement, _made = Judgement.objects.update_or_create(
        **_place(user, variant, item, slot_key),
        defaults={"is_good": is_good, "comment": comment.strip(), "judged_at": timezone.now()},
    )
    _tell(item)
    return judgement


@transaction.atomic
def withdraw(*, user: Any, variant: Variant | None = None, item: Item | None = None, slot_key: str = "") -> bool:
    """Take an editor's opinion back, as if they had never said it; whether there was one."""
    number, _by_model = Judgement.objects.filter(**_place(user, variant, item, slot_key)).delete()
    if number:
        _tell(item)
    return bool(number)


def opinion_of(
    user: Any, *, variant: Variant | None = None, item: Item | None = None, slot_key: str = ""
) -> Judgement | None:
    """What an editor thinks of it so far."""
    return Judgement.objects.filter(**_place(user, variant, item, slot_key)).first()


def opinions_on(user: Any, *, item_keys: Iterable[str], slot_key: str) -> dict[str, Judgement]:
    """What an editor thinks of several items in one slot, by the items' keys."""
    found = Judgement.objects.filter(editor=user, slot_key=slot_key, item__key__in=list(item_keys))
    return {judgement.item.key: judgement for judgement in found.select_related("item")}


def praised_examples(template: PromptTemplate, locale: Any, limit: int = 3) -> list[Variant]:
    """Approved variants in a language that more editors liked than not: this template's first, the most liked first."""
    net = Count("judgements", filter=GOOD) - Count("judgements", filter=BAD)
    own = models.Case(models.When(part__request__template=template, then=1), default=0)
    liked = Variant.objects.filter(state=State.APPROVED, locale=locale).annotate(net=net, own=own).filter(net__gt=0)
    return list(liked.select_related("item", "slot").order_by("-own", "-net", "-pk")[:limit])


def judgement_report() -> dict[str, list[dict[str, Any]]]:
    """How many thumbs went up and down, by model, by prompt template and by slot: the most judged first."""
    return {subject: _counted(path) for subject, path in SUBJECTS.items()}


def commented() -> QuerySet[Judgement]:
    """Judgements with a comment, the newest first."""
    return Judgement.objects.exclude(comment="").select_related("editor", "variant", "item")


def votes_on(catalog: Catalog) -> Votes:
    """Judgements of recommendations as votes on the catalog's rows; one on a page is one on all its translations."""
    told = Judgement.objects.filter(item__isnull=False).order_by("pk")
    rows, times, signs = [], [], []
    for group, judged_at, is_good in told.values_list("item__group", "judged_at", "is_good"):
        for row in catalog.rows_of_group.get(group, ()):
            rows.append(row)
            times.append(judged_at.timestamp())
            signs.append(1.0 if is_good else -1.0)
    return Votes(np.array(rows, dtype=np.int64), np.array(times), np.array(signs))


def _place(user: Any, variant: Variant | None, item: Item | None, slot_key: str) -> dict[str, Any]:
    return {"editor": user, "variant": variant, "item": item, "slot_key": slot_key}


def _tell(item: Item | None) -> None:
    if item is not None:
        Epoch.objects.advance(EPOCH)


def _counted(path: str) -> list[dict[str, Any]]:
    named = Judgement.objects.exclude(**{path: ""}).exclude(**{path: None}).order_by()
    counts = named.values(name=F(path)).annotate(
        up=Count("pk", filter=Q(is_good=True)), down=Count("pk", filter=Q(is_good=False))
    )
    return sorted(counts, key=lambda row: (-row["up"] - row["down"], row["name"]))
