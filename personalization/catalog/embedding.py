"""Gives items their vectors: in batches, in a worker or a command, never in a request."""

import random
from collections.abc import Callable, Sequence

import numpy as np
from django.db import transaction
from django.db.models.functions import Length

from personalization.catalog.embedders.base import Embedder, FittedEmbedder, current
from personalization.catalog.models import Embedding, Epoch, Item

Progress = Callable[[int, int], None]


def in_silence(done: int, total: int) -> None:
    """Report progress to nobody."""


def embed_items(*, batch_size: int = 64, progress: Progress = in_silence) -> int:
    """Embed the live items whose words or model have changed; return their number.

    Each batch is committed, so that an interrupted run goes on where it stopped. Texts of one length go together, for
    a model pads a batch to its longest. Two runs at once take the batches in different orders and skip what is done.
    """
    embedder = current()
    if isinstance(embedder, FittedEmbedder):
        embedder.fit_if_needed(Item.objects.live().count(), _all_words)
    longest_first = Item.objects.to_embed(embedder.name).order_by(-Length("text"), "pk")
    pending = list(longest_first.values_list("pk", flat=True))
    batches = [pending[start : start + batch_size] for start in range(0, len(pending), batch_size)]
    random.shuffle(batches)
    embedded = seen = 0
    progress(seen, len(pending))
    for batch in batches:
        embedded += _embed(batch, embedder)
        seen += len(batch)
        progress(seen, len(pending))
    return embedded


def _all_words() -> list[str]:
    return [item.words for item in Item.objects.live().only("title", "summary", "text").order_by("pk").iterator()]


def _embed(pks: Sequence[int], embedder: Embedder) -> int:
    words = Item.objects.to_embed(embedder.name).filter(pk__in=pks).only("title", "summary", "text", "text_hash")
    items = list(words)
    if not items:
        return 0
    vectors = _checked(embedder.embed([item.words for item in items]), len(items))
    rows = [
        Embedding(item=item, model=embedder.name, text_hash=item.text_hash, vector=vector.tobytes())
        for item, vector in zip(items, vectors, strict=True)
    ]
    with transaction.atomic():
        epoch = Epoch.objects.advance("catalog")
        Embedding.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["item"], update_fields=["model", "text_hash", "vector"]
        )
        Item.objects.filter(pk__in=[item.pk for item in items]).update(epoch=epoch)
    return len(items)


def _checked(vectors: np.ndarray, n: int) -> np.ndarray:
    vectors = np.ascontiguousarray(vectors, dtype="<f4")
    if vectors.ndim != 2 or len(vectors) != n or not np.isfinite(vectors).all():
        raise ValueError(f"The embedder answered {n} texts with an array of shape {vectors.shape}, or not in numbers.")
    return vectors
