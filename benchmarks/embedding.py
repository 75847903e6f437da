"""Texts embedded per second, against the model called directly with the same texts."""

import numpy as np
from django.test import override_settings
from rich.console import Console

from benchmarks.claims import Claim, seconds, summary
from cms_site.home.content import build_magazine
from personalization.catalog.embedders import base
from personalization.catalog.models import Embedding, Item
from personalization.catalog.services import embed_items

ROUNDS = 5


def measure(data: str, console: Console) -> list[Claim]:
    build_magazine()
    name = "personalization.catalog.embedders.sentence.SentenceEmbedder"
    from django.conf import settings

    with override_settings(PERSONALIZATION=settings.PERSONALIZATION | {"EMBEDDER": name}):
        embedder = base.current()
        texts = [item.words for item in Item.objects.live()]
        embedder.embed(texts[:2])
        ratios = [_round(embedder, texts) for _ in range(ROUNDS)]
    return [
        Claim(
            "texts per second / calling the model directly",
            float(np.median(ratios)),
            0.9,
            at_least=True,
            detail=f"{len(texts)} articles; {summary(ratios)}",
        )
    ]


def _round(embedder: base.Embedder, texts: list[str]) -> float:
    direct = seconds(lambda: embedder._model.encode(texts, batch_size=embedder.batch_size, show_progress_bar=False))
    Embedding.objects.all().delete()
    return direct / seconds(embed_items)
