"""Names and quotations must be the source's."""

import re
from collections.abc import Iterator
from functools import lru_cache

from personalization.variants.guardrails.characters import fold
from personalization.variants.guardrails.records import Hit, hit

QUOTED = re.compile(
    r"[“„«‹\"]\s?(?P<double>[^“”„«»‹›\"\n]{2,300}?)\s?[”“»›\"]"
    r"|(?<!\w)[‘‚'](?P<single>[^‘’'\n]{2,}(?:['’]\w[^‘’'\n]*)* [^‘’'\n]{2,}?)[’'](?!\w)"
)
NAMELIKE = re.compile(r"[^\W\d_][\w’'.-]*\w|[^\W\d_]")
WORD = re.compile(r"[^\W\d_][\w’'-]*")
STARTS = re.compile(r"(?:^|[.!?:;…\n\"“„«(\[]|[–—-]\s|/)[\s\"“„«‚‘'(]*$")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _set(
    """
    mr mrs ms miss dr prof professor sir lady lord dame president minister chancellor senator ceo director
    mayor captain king queen prince princess pope bishop general judge herr frau fraulein doktor konig konigin
    kanzler kanzlerin bundeskanzler prasident prasidentin minister ministerin burgermeister direktor mme mlle
    monsieur madame docteur maire roi reine ministre chancelier
    """
)
GIVEN = _set(
    """
    adam ada alan albert alexander alice amelie andrea andreas andrew angela anna anne anton antoine arthur
    barbara ben benjamin bernard bernd brian camille carl carlos caroline catherine cecile charles charlotte
    chloe chris christian christina christine claire claudia clara daniel david dieter donald edward elena
    elisabeth elizabeth elon emil emily emma eric erik eva felix fatima florian francois frank frederic
    friedrich gabriel george gerhard greta hannah hans harry heinrich helen helena helmut henri henry horst
    hugo ingrid isabelle jack jacques james jane jan jean jeff jennifer jessica joanna johann johannes john
    jonas joseph joe juan julia julien jurgen karen karl katharina katherine kevin klaus kate laura lea leo
    leon linda lisa louis louise lucas lucy luc lukas lena marc marco margaret maria marie mark markus martin
    martina mary matthew matthias max maximilian mehdi michael michel michelle mohamed mohammed monika nadia
    nancy natalie nathalie nicolas nicole nina olaf oliver olivia olivier oskar oscar pascal patricia patrick
    paul paula peter petra philip philippe pierre rachel ralf rebecca renate richard robert roger rosa ruth
    sabine samuel sandra sarah sophia sophie stefan stephan stephanie steve steven susan susanne sven sylvie
    thomas tim tom thierry udo ursula uwe valerie vanessa veronique victor victoria vincent walter werner
    william wolfgang xavier yann yves yusuf
    """
)
BODIES = re.compile(
    r"(?:inc|ltd|llc|plc|gmbh|ag|corp|corporation|university|universitat|universite|institute|institut|ministry|ministerium|ministere|"
    r"foundation|stiftung|fondation|hospital|agency|association|council|commission|bank|group|society|academy|college)"
)
# Languages that write nouns with a capital.
CAPITALISED_NOUNS = frozenset({"de", "lb"})
# Beginnings of sentences and of polite speech, in capitals by custom.
COMMON = _set(
    """
    i i'm i’m i'll i’ll i've i’ve i'd i’d ok tv diy ai sie ihr ihre ihnen ki q&a faq am pm ad bc eu uk us usa
    """
)
PARTICLES = frozenset({"de", "du", "von", "van", "zu", "af", "da", "di"})
TITLE_CASE = 0.65


def find_quotations(name: str, text: str, source: str) -> Iterator[Hit]:
    """Words in quotation marks that the source does not say.

    Examples
    --------
    >>> [found.excerpt for found in find_quotations("summary", "“A gem”, or “a joy to read”", "It is a joy to read.")]
    ['“A gem”']
    """
    said = _bare(source)
    for match in QUOTED.finditer(text):
        quoted = _bare(match["double"] or match["single"])
        if quoted and f" {quoted} " not in f" {said} ":
            yield hit("quotations", name, text, match.start(), match.end())


def find_names(name: str, text: str, known: str, language: str) -> Iterator[Hit]:
    """Names that are not known: of persons and bodies by what stands beside them, others by their capitals.

    Examples
    --------
    >>> [(found.rule, found.excerpt) for found in find_names("summary", "A film that Ada Stone made in Oslo", "", "en")]
    [('names', 'Ada Stone'), ('possible_names', 'Oslo')]
    """
    vocabulary = _vocabulary(known)
    is_titled = language.split("-")[0].lower() in CAPITALISED_NOUNS or _is_title_case(text)
    for run in _runs(text):
        strangers = [word for word in run if not _is_known(word[0], vocabulary)]
        if not strangers or all(len(word[0]) == 1 for word in run):
            continue
        start, end = run[0].start(), run[-1].end()
        is_start = bool(STARTS.search(text[:start]))
        if _is_named(run, text) or (not is_titled and len(run) > 1 and (not is_start or len(strangers) == len(run))):
            yield hit("names", name, text, start, end)
        elif _is_possible(strangers, text, is_titled):
            yield hit("possible_names", name, text, strangers[0].start(), strangers[-1].end())


def _runs(text: str) -> Iterator[list[re.Match[str]]]:
    """Capitalised words that stand next to each other."""
    run: list[re.Match[str]] = []
    for word in NAMELIKE.finditer(text):
        if not word[0][0].isupper() or (word.start() and text[word.start() - 1] in "’'"):
            continue
        if run and not _belongs(text[run[-1].end() : word.start()], run[-1][0]):
            yield run
            run = []
        if not run and fold(word[0]).text in COMMON:
            continue
        run.append(word)
    if run:
        yield run


def _belongs(between: str, before: str) -> bool:
    """Whether a name goes on behind these characters."""
    return between in (" ", "-", ". ") or (between.strip() in PARTICLES and fold(before).text in GIVEN | TITLES)


def _is_named(run: list[re.Match[str]], text: str) -> bool:
    words = [fold(word[0]).text for word in run]
    before = fold(text[: run[0].start()]).text.rstrip(" .").rpartition(" ")[2]
    follows_title = before.strip('("“„«') in TITLES or any(word.rstrip(".") in TITLES for word in words[:-1])
    is_person = any(word in GIVEN for word in words[:-1])
    return follows_title or is_person or (len(words) > 1 and bool(BODIES.fullmatch(words[-1])))


def _is_possible(strangers: list[re.Match[str]], text: str, is_titled: bool) -> bool:
    acronym = any(len(word[0]) > 1 and word[0].isupper() for word in strangers) and not text.isupper()
    inside = any(not STARTS.search(text[: word.start()]) for word in strangers)
    given = any(fold(word[0]).text in GIVEN for word in strangers)
    return acronym or given or (inside and not is_titled)


def _is_title_case(text: str) -> bool:
    words = [word[0] for word in WORD.finditer(text) if len(word[0]) > 3]
    return len(words) > 1 and sum(word[0].isupper() for word in words) >= TITLE_CASE * len(words)


def _is_known(word: str, vocabulary: frozenset[str]) -> bool:
    folded = re.sub(r"['’]s?$", "", fold(word).text).rstrip(".")
    parts = [part for part in re.split(r"[-'’.]", folded) if part]
    return all(part in vocabulary or part.removesuffix("s") in vocabulary or part in COMMON for part in parts)


@lru_cache(maxsize=64)
def _vocabulary(text: str) -> frozenset[str]:
    words = re.findall(r"[^\W_]+", fold(text).text)
    return frozenset(words) | {word.removesuffix("s") for word in words}


@lru_cache(maxsize=64)
def _bare(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", fold(text).text))
