"""Words that say hardly anything new: those of the source, or of another variant, again."""

from collections.abc import Iterator
from functools import lru_cache

from personalization.variants.guardrails.characters import fold
from personalization.variants.guardrails.records import FIELDS, Hit, Material, Words

GRAM = 4
# From here on, two texts differ by a word or a sign.
TOO_LIKE = 0.8


def jaccard(one: str, other: str) -> float:
    """How alike two texts are, from 0 to 1: the share of runs of four letters that both have.

    References
    ----------
    A. Z. Broder, "On the resemblance and containment of documents", 1997.

    Examples
    --------
    >>> jaccard("Stars at hand!", "stars at hand"), jaccard("Stars at hand", "Bread and butter")
    (1.0, 0.0)
    """
    grams, others = _grams(one), _grams(other)
    return len(grams & others) / len(grams | others) if grams and others else 0.0


def find_likeness(words: Words, material: Material) -> Iterator[Hit]:
    """Fields that repeat the source's, and drafts that repeat another variant."""
    for name, original in (("headline", material.title), ("summary", material.summary)):
        if (likeness := jaccard(words.get(name, ""), original)) >= TOO_LIKE:
            yield Hit("like_source", name, params={"likeness": round(likeness, 2)})
    own = _joined(words)
    likeness = max((jaccard(own, _joined(other)) for other in material.neighbours), default=0.0)
    if likeness >= TOO_LIKE:
        yield Hit("like_variant", params={"likeness": round(likeness, 2)})


def _joined(words: Words) -> str:
    return "\n".join(words.get(name, "") for name in FIELDS)


@lru_cache(maxsize=256)
def _grams(text: str) -> frozenset[str]:
    bare = " ".join("".join(letter if letter.isalnum() else " " for letter in fold(text).text).split())
    return (
        frozenset(bare[start : start + GRAM] for start in range(max(1, len(bare) - GRAM + 1))) if bare else frozenset()
    )
