"""An embedder without a model: for tests, and for trying out a site before anything heavy is installed."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from personalization.catalog.embedders.base import unit_rows

WORD = re.compile(r"\w{3,}")


class DummyEmbedder:
    """A bag of words, each hashed to one dimension and a sign: texts that share words are alike, and always will be."""

    def __init__(self, dimensions: int = 64) -> None:
        self.dimensions = dimensions

    @property
    def name(self) -> str:
        return f"dummy-{self.dimensions}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in WORD.findall(text.lower()):
                number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())
                vectors[row, (number >> 1) % self.dimensions] += 1 if number & 1 else -1
        return unit_rows(vectors)
