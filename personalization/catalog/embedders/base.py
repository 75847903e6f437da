"""The contract of an embedder, and the one that the settings name."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from numpy.typing import NDArray

from personalization import conf


class Embedder(Protocol):
    """Turns texts into vectors.

    Making one and asking its name must be cheap and must not import a large library: web processes do both. What is
    heavy is loaded by the first `embed` or `dimensions`.
    """

    @property
    def name(self) -> str:
        """Model and version. Vectors of different names are never compared with one another."""

    @property
    def dimensions(self) -> int:
        """Length of each vector."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, of unit length, or of zeros for a text in which it can read nothing."""


@runtime_checkable
class FittedEmbedder(Embedder, Protocol):
    """An embedder that first has to learn from the texts it will read."""

    def fit_if_needed(self, size: int, read: Callable[[], Sequence[str]]) -> bool:
        """Learn from the corpus, which `read` gives, if there is reason to; a new fit has a new name."""


@cache
def current() -> Embedder:
    """The embedder of the settings, one for each process."""
    settings = conf.get()
    return import_string(settings.embedder)(**settings.embedder_options)


def unit_rows(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """The rows scaled to unit length; rows of zeros stay."""
    vectors = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "PERSONALIZATION":
        current.cache_clear()


setting_changed.connect(_forget)
