"""A magazine whose readers have two tastes, week after week - until their world changes."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from cms_site.home.models import ArticlePage
from personalization.catalog.embedders.base import current as current_embedder
from personalization.catalog.models import Embedding, Epoch, Item
from personalization.events.models import Event
from personalization.recommend.scorers import Hybrid, ItemKnn, Popular, Scorer
from personalization.training.dataset import read_dataset
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.runs import claim_run, finish_run
from personalization.training.services import promote
from personalization.training.storage import write_artifact
from personalization.visitors.models import Profile, Visitor

N_ITEMS = 60
TOPICS = ("starship alien robot", "oven dough butter", "seed soil compost")
DESKTOP_DAYS = {"hours": range(8, 20), "device": "desktop", "items": range(40)}
PHONE_NIGHTS = {
    "hours": range(22, 24),
    "device": "mobile",
    "items": [*range(10), *range(40, 50), *range(20, 30), *range(50, 60)],
}


def make_catalog() -> None:
    """Sixty items of three topics, twenty of each, published one a day."""
    embedder, now = current_embedder(), timezone.now()
    kind = ContentType.objects.get_for_model(ArticlePage)
    topics = [TOPICS[number * len(TOPICS) // N_ITEMS] for number in range(N_ITEMS)]
    items = Item.objects.bulk_create(
        Item(
            key=f"page:{number}",
            group=f"page:{number}",
            object_id=str(9000 + number),
            content_type=kind,
            title=f"Item {number}",
            tags=[topic.split()[0]],
            locale="en",
            published_at=now - timedelta(days=number + 100),
        )
        for number, topic in enumerate(topics)
    )
    vectors = embedder.embed([f"{topic} {number}" for number, topic in enumerate(topics)])
    Embedding.objects.bulk_create(
        Embedding(item=item, model=embedder.name, vector=vector.tobytes())
        for item, vector in zip(items, vectors, strict=True)
    )
    Epoch.objects.advance("catalog")


def write_weeks(
    *,
    until: datetime,
    weeks: int = 1,
    hours: Sequence[int],
    device: str,
    items: Sequence[int],
    visitors: int = 64,
    seed: int = 0,
) -> None:
    """Let visitors read about six things a week, each from their half of some items, up to a midnight."""
    random = np.random.default_rng(seed)
    keys = [f"{number:032x}" for number in range(visitors)]
    Visitor.objects.bulk_create([Visitor(key=key) for key in keys], ignore_conflicts=True)
    people = dict(Visitor.objects.values_list("key", "pk"))
    Profile.objects.filter(visitor__key__in=keys).delete()
    Profile.objects.bulk_create(Profile(visitor_id=people[key], device=device) for key in keys)
    half = len(items) // 2
    Event.objects.bulk_create(
        Event(
            kind="view",
            visitor_key=key,
            item_key=f"page:{items[(number % 2) * half + int(pick)]}",
            slot_key="home-top",
            occurred_at=_moment(until - timedelta(weeks=week), hours, random),
            for_analytics=True,
            for_personalization=True,
        )
        for week in range(weeks)
        for number, key in enumerate(keys)
        for pick in random.choice(half, size=int(random.integers(3, 9)), replace=False)
    )


def write_lists(*, until: datetime, lists: int, click_at: range, seed: int = 0) -> None:
    """Show lists of four items in the last week before, each with one click at one of some places."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(lists):
        decision, key = uuid.uuid4(), f"{number % 100:032x}"
        shown = random.choice(40, size=4, replace=False)
        at = until - timedelta(minutes=float(random.uniform(1, 7 * 24 * 60)))
        clicked = int(random.choice(click_at))
        for kind, places in (("impression", range(4)), ("click", [clicked])):
            rows += [
                Event(
                    kind=kind,
                    visitor_key=key,
                    item_key=f"page:{shown[place]}",
                    slot_key="home-top",
                    decision_id=decision,
                    position=place,
                    occurred_at=at + timedelta(seconds=place + 10 * (kind == "click")),
                    for_analytics=True,
                )
                for place in places
            ]
    Event.objects.bulk_create(rows)


def write_showings(
    *,
    until: datetime,
    per_visitor: int,
    chances: tuple[float, float],
    weeks: int = 1,
    visitors: int = 100,
    seed: int = 0,
) -> None:
    """Show visitors items of their own taste and of the other, clicked with these chances."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(visitors):
        for pick in random.choice(40, size=per_visitor, replace=False).tolist():
            at = until - timedelta(minutes=float(random.uniform(1, weeks * 7 * 24 * 60)))
            is_clicked = random.random() < chances[int(pick // 20 != number % 2)]
            rows += [
                Event(
                    kind=kind,
                    visitor_key=f"{number:032x}",
                    item_key=f"page:{pick}",
                    slot_key="home-top",
                    decision_id=uuid.uuid4(),
                    position=0,
                    occurred_at=at + timedelta(seconds=10 * (kind == "click")),
                    for_analytics=True,
                    for_personalization=True,
                )
                for kind in ("impression", "click")[: 1 + is_clicked]
            ]
    Event.objects.bulk_create(rows)


def make_version(**members: Scorer) -> ModelVersion:
    """A version that has learned from all there is, in a moment and without being judged, and serves."""
    data = read_dataset()
    members = members or {"popular": Popular(), "item_knn": ItemKnn()}
    hybrid = Hybrid(members, dict.fromkeys(members, 1 / len(members))).fit(data.interactions, data.items)
    run = claim_run(trigger="test")
    digest = write_artifact(run.artifact, {"hybrid": hybrid})
    finish_run(run, TrainingRun.Status.SUCCEEDED, "Made for a test.")
    parameters = {
        "members": {name: member.params for name, member in hybrid.members.items()},
        "weights": dict(hybrid.weights),
    }
    version = ModelVersion.objects.create(
        run=run,
        artifact=run.artifact,
        digest=digest,
        data_hash=data.digest,
        data_from=data.since,
        data_until=data.until,
        parameters=parameters,
    )
    return promote(version=version)


def forget_embeddings(share: float) -> None:
    """Take the embeddings of a part of the catalog away."""
    keys = [f"page:{number}" for number in range(int(N_ITEMS * share))]
    Embedding.objects.filter(item__key__in=keys).delete()


def _moment(until: datetime, hours: Sequence[int], random: np.random.Generator) -> datetime:
    """Some minute of the last seven days, within these hours."""
    day = until - timedelta(days=int(random.integers(1, 8)))
    return day + timedelta(hours=int(random.choice(hours)), minutes=int(random.integers(0, 60)))
