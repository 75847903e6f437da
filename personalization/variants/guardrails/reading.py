"""How hard words are to read."""

import re
from collections.abc import Iterator

from personalization.variants.guardrails.records import Hit, Rules

FEWEST_WORDS = 12
LONG_WORD = 6


def lix(text: str) -> float:
    """The reading level of a text: words for each sentence, and the share of words of more than six letters.

    Returns
    -------
    float
        30 is easy, 40 a newspaper, 60 an academic text; 0 for a text without words.

    References
    ----------
    C.-H. Björnsson, "Läsbarhet", Liber, 1968.

    Examples
    --------
    >>> lix("The cat sat. The dog ran away.")
    3.5
    """
    words = re.findall(r"[^\W\d_]+(?:[’'-][^\W\d_]+)*", text)
    sentences = max(1, len(re.findall(r"[.!?:…]+(?=\s|$)", text.strip())))
    long = sum(len(word) > LONG_WORD for word in words)
    return round(len(words) / sentences + 100 * long / len(words), 1) if words else 0.0


def find_hard(name: str, text: str, rules: Rules) -> Iterator[Hit]:
    """Texts, long enough to tell, that are harder than is wanted."""
    if rules.hardest is not None and len(text.split()) >= FEWEST_WORDS and (level := lix(text)) > rules.hardest:
        yield Hit("reading_level", name, params={"level": level, "hardest": rules.hardest})
