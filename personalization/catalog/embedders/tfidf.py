"""Embeddings without torch: TF-IDF and a truncated SVD, learned from the site's own texts."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from personalization import conf
from personalization.catalog.embedders.base import unit_rows
from personalization.recommend import artifacts

POINTER = "current.json"
LARGEST_VOCABULARY = 50_000
# A word that stands in most texts tells none of them apart; counted only where there are enough texts to tell.
ENOUGH_TEXTS = 20
MOST_TEXTS = 0.5
SMALLEST = 1e-6
TEXTS_A_DIRECTION = 4
FEWEST_DIRECTIONS = 8


@dataclass(frozen=True)
class Fit:
    """What was learned: the words and their weights, and the directions in which texts differ most."""

    vectorizer: TfidfVectorizer
    components: NDArray[np.float32]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        projected = self.vectorizer.transform(texts) @ self.components.T
        projected[np.linalg.norm(projected, axis=1) < SMALLEST] = 0
        return unit_rows(projected)


class TfidfEmbedder:
    """TF-IDF weights projected on their main directions; the fit is kept in ARTIFACTS_DIR and shared by all processes.

    It learns from the catalog when there is no readable fit, and again once the catalog has grown by half or lost half
    of its texts since. Each fit has a name of its own, so that all items are embedded anew and fits never mix.
    """

    def __init__(self, dimensions: int = 128) -> None:
        self.requested = dimensions
        self._loaded: tuple[str, Fit] | None = None

    @property
    def name(self) -> str:
        return f"tfidf-svd-{self.requested}@{self._pointer()['fit'] or 'unfitted'}"

    @property
    def dimensions(self) -> int:
        fit = self._fit()
        return len(fit.components) if fit else self.requested

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        fit = self._fit()
        if fit is None or not texts:
            return np.zeros((len(texts), self.dimensions), dtype=np.float32)
        return fit.embed(texts)

    def fit_if_needed(self, size: int, read: Callable[[], Sequence[str]]) -> bool:
        """Learn from the corpus if there is reason to; say whether anything was learned."""
        known = self._pointer()["texts"]
        if size == 0 or (known * 0.5 < size < known * 1.5 and self._is_readable()):
            return False
        texts = read()
        learned = learn(texts, self.requested)
        if learned is None:
            return False
        self._keep(learned, len(texts))
        return True

    @property
    def _folder(self) -> Path:
        return conf.get().artifacts_dir / "embedders" / f"tfidf-{self.requested}"

    def _pointer(self) -> dict[str, str | int]:
        try:
            found = json.loads((self._folder / POINTER).read_text(encoding="utf-8"))
            return {"fit": Path(str(found["fit"])).name, "texts": int(found["texts"])}
        except (OSError, ValueError, KeyError, TypeError):
            return {"fit": "", "texts": 0}

    def _is_readable(self) -> bool:
        try:
            return self._fit() is not None
        except artifacts.ArtifactError:
            return False

    def _fit(self) -> Fit | None:
        name = str(self._pointer()["fit"])
        if name and (self._loaded is None or self._loaded[0] != name):
            self._loaded = (name, load(self._folder / name))
        return self._loaded[1] if name else None

    def _keep(self, fit: Fit, texts: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = Path(mkdtemp(prefix="draft-", dir=self._folder))
        words = fit.vectorizer.get_feature_names_out().tolist()
        artifacts.write(draft, {"idf": fit.vectorizer.idf_, "components": fit.components}, {"words": words})
        name = artifacts.seal(draft).digest[:12]
        shutil.rmtree(self._folder / name, ignore_errors=True)
        draft.rename(self._folder / name)
        pointer = draft.with_suffix(".json")
        pointer.write_text(json.dumps({"fit": name, "texts": texts}), encoding="utf-8")
        os.replace(pointer, self._folder / POINTER)


def learn(texts: Sequence[str], dimensions: int) -> Fit | None:
    """Fit on a corpus; None where it holds no words."""
    enough = len(texts) >= ENOUGH_TEXTS
    vectorizer = _vectorizer(min_df=2 if enough else 1, max_df=MOST_TEXTS if enough else 1.0)
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # scikit-learn's word for "no words"
        return None
    # With nearly as many directions as texts, each text would have one to itself and be like no other.
    rank = max(1, min(dimensions, max(FEWEST_DIRECTIONS, len(texts) // TEXTS_A_DIRECTION), min(counts.shape) - 1))
    components = TruncatedSVD(rank, random_state=0).fit(counts).components_
    return Fit(vectorizer, components.astype(np.float32))


def load(folder: Path) -> Fit:
    """Read a fit back; ArtifactError if it is missing, damaged or altered."""
    artifacts.verify(folder)
    arrays, meta = artifacts.read(folder)
    vectorizer = _vectorizer(vocabulary={word: column for column, word in enumerate(meta["words"])})
    vectorizer.idf_ = arrays["idf"]
    return Fit(vectorizer, arrays["components"])


def _vectorizer(**options: object) -> TfidfVectorizer:
    return TfidfVectorizer(
        sublinear_tf=True, strip_accents="unicode", max_features=LARGEST_VOCABULARY, dtype=np.float32, **options
    )
