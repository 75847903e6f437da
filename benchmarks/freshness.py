"""Between two trainings: how soon a new item is recommended, and how soon a click changes what its visitor gets."""

import numpy as np
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from rich.console import Console
from wagtail.models import Site

from benchmarks.claims import Claim, seconds, summary
from benchmarks.serving import ITEMS
from benchmarks.workload import create_items, record_readings
from cms_site.home.models import ArticlePage
from personalization.catalog.embedders.base import current as current_embedder
from personalization.catalog.models import Embedding, Epoch, Item
from personalization.catalog.snapshot import current as current_catalog
from personalization.slots.context import ServingContext
from personalization.slots.models import Slot
from personalization.slots.serve import serve
from personalization.training.services import train
from personalization.visitors.models import Profile, Visitor

VISITORS = 2_000
ROUNDS = 20
SIZE = 4
SLOT = "fresh"


def measure(data: str, console: Console) -> list[Claim]:
    topics = create_items(ITEMS)
    console.print(f"{ITEMS:,} items. Recording what {VISITORS:,} visitors read…")
    console.print(f"{record_readings(topics, VISITORS):,} readings. Training…")
    console.print(train(trigger="benchmark").message)
    Slot.objects.create(key=SLOT, size=SIZE, policy="for-you", live=True)
    visitors = list(Visitor.objects.order_by("key").values_list("key", flat=True)[:ROUNDS])
    _decide(visitors[0])
    items = [seconds(lambda key=key: _publish_for(key)) for key in visitors]
    clicks = [seconds(lambda key=key: _click(key)) for key in visitors]
    return [
        Claim("a new item is ranked among the best after", float(np.max(items)), 1, " s", detail=summary(items)),
        Claim("a click changes the ranking after", float(np.max(clicks)), 1, " s", detail=summary(clicks)),
    ]


def _decide(visitor_key: str) -> ServingContext:
    """Decide the slot for a visitor; the context knows what was decided, and the scores of all items."""
    context = ServingContext.for_preview(visitor_key=visitor_key, locale="en")
    decision = serve([SLOT], context)[0]
    if decision.fallback or decision.reason != "hybrid":
        raise RuntimeError(f"The slot was not ranked by the model: {decision.reason}.")
    return context


def _publish_for(visitor_key: str) -> None:
    """Publish what resembles a visitor's reading, and see it among the visitor's best hundred of the catalog."""
    catalog = current_catalog()
    read = Profile.objects.get(visitor__key=visitor_key).recent
    vector = np.mean([catalog.columns.vectors[catalog.row_of[key]] for key, *_rest in read], axis=0)
    number = str(90_000 + Item.objects.count())
    item = Item.objects.create(
        key=f"page:{number}",
        group=f"page:{number}",
        content_type=ContentType.objects.get_for_model(ArticlePage),
        object_id=number,
        site_id=Site.objects.get(is_default_site=True).pk,
        locale="en",
        title=f"News for {visitor_key}",
        url=f"/{number}/",
        text_hash=number,
        published_at=timezone.now(),
        epoch=Epoch.objects.advance("catalog"),
    )
    raw = np.asarray(vector, dtype=np.float32).tobytes()
    Embedding.objects.create(item=item, model=current_embedder().name, text_hash=number, vector=raw)
    context = _decide(visitor_key)
    (ranking,) = context.rankings.values()
    better = np.count_nonzero(ranking.scores > ranking.scores[context.memory.catalog.row_of[item.key]])
    if better >= ITEMS / 100:
        raise RuntimeError(f"The new item is ranked below {better} others.")


def _click(visitor_key: str) -> None:
    """Let a visitor turn to what was recommended last, and see the slot change."""
    before = [item.key for item in _decide(visitor_key).decisions[0].items]
    profile = Profile.objects.get(visitor__key=visitor_key)
    profile.recent = [*profile.recent, [before[-1], 1.0, timezone.now().timestamp()]]
    profile.save(update_fields=["recent"])
    if [item.key for item in _decide(visitor_key).decisions[0].items] == before:
        raise RuntimeError("The ranking is as it was.")
