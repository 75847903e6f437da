"""The declared workload: a large magazine whose readers have tastes.

10,000 items in 40 topics, their vectors scattered around their topic's; 10,000 visitors with two or three favourite
topics, who read about twenty items each, popular ones more often. Everything is seeded.
"""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone
from wagtail.models import Site

from cms_site.home.models import ArticlePage
from personalization.catalog.embedders.base import current
from personalization.catalog.models import Embedding, Epoch, Item
from personalization.events.history import HistoricEvent, record_history

TOPICS = 40
DIMENSIONS = 384
SUMMARY = "A sentence or two about what can be read here, as long as such sentences are on a magazine's front page."


@transaction.atomic
def create_items(number: int, *, seed: int = 1) -> np.ndarray:
    """Fill the catalog; return each item's topic."""
    random = np.random.default_rng(seed)
    topics = random.integers(TOPICS, size=number)
    centres = random.normal(size=(TOPICS, DIMENSIONS))
    vectors = centres[topics] + 1.2 * random.normal(size=(number, DIMENSIONS)) + 3.0
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    epoch = Epoch.objects.advance("catalog")
    content_type = ContentType.objects.get_for_model(ArticlePage)
    site_id = Site.objects.get(is_default_site=True).pk
    rows = [_item(n, int(topics[n]), epoch, content_type, site_id) for n in range(number)]
    items = Item.objects.bulk_create(rows, batch_size=500)
    model = current().name
    Embedding.objects.bulk_create(
        [
            Embedding(item=item, model=model, text_hash=item.text_hash, vector=vector.tobytes())
            for item, vector in zip(items, vectors, strict=True)
        ],
        batch_size=500,
    )
    return topics


def _item(number: int, topic: int, epoch: int, content_type: ContentType, site_id: int) -> Item:
    return Item(
        key=f"page:{number + 1000}",
        group=f"page:{number + 1000}",
        content_type=content_type,
        object_id=str(number + 1000),
        site_id=site_id,
        tree_path=f"0001{topic:04d}{number:04d}",
        locale="en",
        title=f"Article {number} about topic {topic}",
        summary=SUMMARY,
        text_hash=f"{number:064d}",
        tags=[f"topic-{topic}", f"mood-{number % 7}"],
        image=f"/media/images/cover-{number}.jpg",
        url=f"/articles/{number}/",
        published_at=timezone.now() - timedelta(hours=number),
        epoch=epoch,
    )


def readings(topics: np.ndarray, visitors: int, *, each: int = 20, seed: int = 2) -> Iterator[HistoricEvent]:
    """What the visitors read, visitor by visitor."""
    random = np.random.default_rng(seed)
    appeal = random.pareto(1.2, size=len(topics)) + 0.05
    now = timezone.now()
    of_topic = [np.flatnonzero(topics == topic) for topic in range(TOPICS)]
    chances = [appeal[rows] / appeal[rows].sum() for rows in of_topic]
    for visitor in range(visitors):
        tastes = random.choice(TOPICS, size=random.integers(2, 4), replace=False)
        for minutes in np.sort(random.integers(10, 60 * 24 * 60, size=each))[::-1]:
            topic = int(random.choice(tastes)) if random.random() < 0.85 else int(random.integers(TOPICS))
            row = int(random.choice(of_topic[topic], p=chances[topic]))
            yield HistoricEvent(
                visitor_key=f"{visitor:032x}",
                item_key=f"page:{row + 1000}",
                kind="view",
                occurred_at=now - timedelta(minutes=int(minutes)),
            )


def record_readings(topics: np.ndarray, visitors: int, *, batch: int = 5000) -> int:
    """Bring the readings in through the same service as any history."""
    accepted, pending = 0, []
    for event in readings(topics, visitors):
        pending.append(event)
        if len(pending) == batch:
            accepted += _record(pending)
            pending = []
    return accepted + _record(pending)


def _record(events: list[HistoricEvent]) -> int:
    return record_history(events=events, analytics=True, personalization=True).accepted if events else 0
