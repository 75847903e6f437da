"""Whether a draft is about what its source is about."""

from collections.abc import Iterator

from personalization.variants.guardrails.records import Hit, Material, Rules


def find_strayed(material: Material, rules: Rules) -> Iterator[Hit]:
    """A likeness of the meanings, where it was measured, that is less than is asked for.

    Examples
    --------
    >>> [found.params for found in find_strayed(Material(similarity=0.2), Rules())]
    [{'similarity': 0.2, 'least': 0.35}]
    """
    if material.similarity is not None and material.similarity < rules.least_similarity:
        yield Hit("meaning", params={"similarity": round(material.similarity, 3), "least": rules.least_similarity})
