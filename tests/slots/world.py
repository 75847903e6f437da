"""A small world of items, visitors and slots, made through the rooms' own models."""

from datetime import timedelta

import numpy as np
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from cms_site.home.models import ArticlePage
from personalization.catalog.embedders.base import current as current_embedder
from personalization.catalog.models import Embedding, Epoch, Item
from personalization.slots.models import Slot
from personalization.visitors.models import Consent, Profile, Visitor
from tests.factories import default_site

TOPICS = ("space", "food", "gardens", "film")


def make_item(number: int, *, topic: str = "space", **fields) -> Item:
    """An item whose text is about one topic; ``vector`` gives it another embedding, None gives it none."""
    vector = fields.pop("vector", topic_vector(topic, number))
    defaults = {
        "key": f"page:{9000 + number}",
        "group": f"page:group-{number}",
        "content_type": ContentType.objects.get_for_model(ArticlePage),
        "object_id": str(9000 + number),
        "site_id": default_site().pk,
        "locale": "en",
        "title": f"{topic.title()} {number}",
        "summary": f"About {topic}.",
        "tags": [topic],
        "url": f"/{topic}/{number}/",
        "published_at": timezone.now() - timedelta(days=number),
    }
    epoch = Epoch.objects.advance("catalog")
    item = Item.objects.create(**(defaults | fields), epoch=epoch)
    if vector is not None:
        raw = np.asarray(vector, dtype=np.float32).tobytes()
        Embedding.objects.create(item=item, model=current_embedder().name, text_hash="", vector=raw)
    return item


def topic_vector(topic: str, number: int = 0) -> np.ndarray:
    """Near to others of its topic, never the same as any."""
    generator = np.random.default_rng(number)
    vector = generator.normal(scale=0.05, size=16)
    vector[TOPICS.index(topic) if topic in TOPICS else 8] += 1.0
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def make_items(count: int = 12) -> list[Item]:
    """Items of all topics in turn; the first is the newest."""
    return [make_item(number, topic=TOPICS[number % len(TOPICS)]) for number in range(count)]


def make_slot(key: str = "home-top", *, pool: tuple = (), rules: tuple = (), **fields) -> Slot:
    """A published slot; rules as in ``("exclude", item)`` or ``("pin", {"position": 1, "item": item})``."""
    slot = Slot(key=key, **fields)
    slot.pool, slot.rules = list(pool), list(rules)
    slot.full_clean()
    slot.save()
    return slot


def make_visitor(
    *, read: tuple[Item, ...] = (), analytics: bool = True, personalization: bool = True, **fields
) -> Visitor:
    """Somebody who agreed, and has read some items, one after the other."""
    visitor = Visitor.objects.create(**fields)
    Consent.objects.create(visitor=visitor, analytics=analytics, personalization=personalization)
    if personalization:
        Profile.objects.create(visitor=visitor, **_learned(read))
    return Visitor.objects.whole().get(pk=visitor.pk)


def _learned(read: tuple[Item, ...]) -> dict:
    now = timezone.now()
    recent = [[item.key, 1.0, (now - timedelta(minutes=len(read) - n)).timestamp()] for n, item in enumerate(read)]
    tags: dict[str, float] = {}
    for item in read:
        tags |= {tag: tags.get(tag, 0.0) + 1.0 for tag in item.tags}
    return {"recent": recent, "tags": tags, "counts": {"view": len(read)}, "embedding_model": current_embedder().name}
