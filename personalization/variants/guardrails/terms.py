"""Terms that must not, or must, be said, found however they are written."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from personalization.variants.guardrails.characters import Folded, fold, scripts_in
from personalization.variants.guardrails.records import Hit, hit

# Scripts that put no space between words.
UNSPACED = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI"})
SEPARATOR = r"[\s.\-_*·•'’`~^+/\\|,]"
SPACED_OUT = re.compile(rf"(?<!\w)(?:\w{SEPARATOR}{{1,3}}){{2,}}\w(?!\w)")
BROKEN_UP = re.compile(r"(?<=[^\W\d_])[.\-_*·•'’`~^+|]{1,3}(?=[^\W\d_])")


def find_terms(rule: str, terms: Iterable[str], name: str, text: str) -> Iterator[Hit]:
    """Each term that the text says, once: in another case, with look-alikes, hidden, spaced-out or broken up letters.

    Examples
    --------
    >>> [found.excerpt for found in find_terms("banned", ["miracle"], "headline", "A M.I.R.A.C.L.E cure")]
    ['M.I.R.A.C.L.E']
    """
    views, spaced = _views(text), _spaced_out(text)
    for term in terms:
        places = [*_places(term, views), *_places_spaced(term, spaced)]
        if places:
            yield hit(rule, name, text, *places[0], term=term.strip())


def find_missing(terms: Iterable[str], words: Iterable[str]) -> Iterator[Hit]:
    """Each term that none of the fields says."""
    said = [fold(text).text for text in words]
    for term in terms:
        pattern = _pattern(term)
        if pattern and not any(pattern.search(text) for text in said):
            yield Hit("required", params={"term": term.strip()})


def says(term: str, text: str) -> bool:
    """Whether a text says a term, plainly.

    Examples
    --------
    >>> says("the best", "It is The  Best."), says("best", "asbestos")
    (True, False)
    """
    pattern = _pattern(term)
    return bool(pattern and pattern.search(fold(text).text))


@lru_cache(maxsize=4096)
def _pattern(term: str) -> re.Pattern[str] | None:
    folded = fold(term).text.strip()
    tokens = folded.split()
    if not tokens:
        return None
    body = r"[\s\-–—]+".join(re.escape(token) for token in tokens)
    if scripts_in(folded) & UNSPACED:
        return re.compile(body)
    before = r"(?<!\w)" if folded[0].isalnum() else ""
    after = r"(?!\w)" if folded[-1].isalnum() else ""
    return re.compile(before + body + after)


def _places(term: str, views: Iterable[Folded]) -> Iterator[tuple[int, int]]:
    pattern = _pattern(term)
    for view in views:
        if pattern and (found := pattern.search(view.text)):
            yield view.span(found.start(), found.end())


def _places_spaced(term: str, runs: Iterable[Folded]) -> Iterator[tuple[int, int]]:
    """Where single letters, each apart from the next, make up a term: whatever stands before and after it."""
    bare = re.sub(r"[\W_]", "", fold(term).text)
    for run in runs if len(bare) > 2 else ():
        if (start := run.text.find(bare)) >= 0:
            yield run.span(start, start + len(bare))


def _spaced_out(text: str) -> list[Folded]:
    folded = [fold(text), fold(text, signs=True)] if SPACED_OUT.search(fold(text).text) else []
    return [_only(one, run) for one in folded for run in SPACED_OUT.finditer(one.text)]


def _only(folded: Folded, run: re.Match[str]) -> Folded:
    inside = range(run.start(), run.end())
    return folded.without({at for at, letter in enumerate(folded.text) if at not in inside or not letter.isalnum()})


def _views(text: str) -> list[Folded]:
    views = []
    for signs in (False, True):
        folded = fold(text, signs=signs)
        views += [folded, _joined(folded, SPACED_OUT, SEPARATOR), _joined(folded, BROKEN_UP, r"[\W_]")]
    return list({view.text: view for view in views}.values())


def _joined(folded: Folded, runs: re.Pattern[str], separator: str) -> Folded:
    gone = {
        index
        for run in runs.finditer(folded.text)
        for index in range(run.start(), run.end())
        if re.match(separator, folded.text[index])
    }
    return folded.without(gone) if gone else folded
