"""Whether words are in the language they are meant for. Short ones say nothing for certain."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from personalization.variants.guardrails.placeholders import without_placeholders
from personalization.variants.guardrails.records import Hit

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

FEWEST_LETTERS = 20
SURE = 0.85
HARDLY = 0.05
# Languages that short texts do not tell apart.
ALIKE = (
    frozenset({"no", "nb", "nn", "da", "sv", "fo"}),
    frozenset({"en", "pcm", "sco"}),
    frozenset({"de", "lb", "bar", "nds"}),
    frozenset({"nl", "af", "fy", "li"}),
    frozenset({"fr", "wa", "oc", "ht"}),
    frozenset({"es", "pt", "gl", "ast", "an", "ca"}),
    frozenset({"hr", "sr", "bs", "sl", "sh"}),
    frozenset({"cs", "sk"}),
    frozenset({"id", "ms", "jv"}),
    frozenset({"ru", "uk", "be", "bg", "mk"}),
    frozenset({"zh", "yue", "wuu"}),
)


def find_language(words: Mapping[str, str], language: str) -> Iterator[Hit]:
    """Fields, or else all of them together, in another language.

    Examples
    --------
    >>> [found.params["found"] for found in find_language({"summary": "Ein ruhiger Film über das Landleben"}, "en")]
    ['de']
    """
    texts = {name: without_placeholders(text) for name, text in words.items()}
    long = {name: text for name, text in texts.items() if _letters(text) >= FEWEST_LETTERS}
    for name, text in (long or {"": " ".join(texts.values())}).items():
        found = other_language(text, language)
        if found:
            yield Hit("language", name, params={"found": found, "expected": language})


def other_language(text: str, language: str) -> str:
    """The language of a text if it is surely not the one expected; else empty.

    Examples
    --------
    >>> other_language("Le pain qui se fait tout seul", "en"), other_language("Read more", "de")
    ('fr', '')
    """
    expected = language.split("-")[0].lower()
    if _letters(text) < FEWEST_LETTERS or expected not in _identifier().labels:
        return ""
    ranked = dict(_identifier().rank(text))
    best = next(iter(ranked))
    related = next((family for family in ALIKE if expected in family), frozenset({expected}))
    mine = sum(ranked.get(name, 0.0) for name in related)
    return str(best) if best not in related and ranked[best] >= SURE and mine <= HARDLY else ""


def _letters(text: str) -> int:
    return sum(letter.isalpha() for letter in text)


@cache
def _identifier() -> "LanguageIdentifier":
    # Imported here because its model takes half a second and 40 MB: only processes that check drafts pay for it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
