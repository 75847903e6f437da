"""All rules, one after the other: what hides is taken out first, then the others read what a visitor would."""

from collections.abc import Callable, Iterable, Iterator

from personalization.variants.guardrails import form, markup
from personalization.variants.guardrails.facts import find_names, find_quotations
from personalization.variants.guardrails.figures import find_figures
from personalization.variants.guardrails.language import find_language
from personalization.variants.guardrails.leaks import find_leaks
from personalization.variants.guardrails.likeness import find_likeness
from personalization.variants.guardrails.links import find_links, without_links
from personalization.variants.guardrails.lists import CLAIMS, PROFANITY, of_language
from personalization.variants.guardrails.meaning import find_strayed
from personalization.variants.guardrails.personal import find_personal
from personalization.variants.guardrails.placeholders import find_placeholders, said
from personalization.variants.guardrails.reading import find_hard
from personalization.variants.guardrails.records import (
    FIELDS,
    LARGEST,
    Checked,
    Draft,
    Finding,
    Hit,
    Material,
    Rules,
    Words,
)
from personalization.variants.guardrails.registry import BLOCK, OFF, REDACT
from personalization.variants.guardrails.terms import find_missing, find_terms, says

# Counts the changes of the rules themselves; `Rules.version` counts those of a site's lists.
VERSION = "1"
GAP = "…"
MOST_ROUNDS = 3

Wash = tuple[str, Callable[[str, str], Iterable[Hit]], Callable[[str, str], str]]
# What is taken out before anything else is read, in this order.
WASHES: tuple[Wash, ...] = (
    ("hidden_characters", markup.find_hidden, lambda _name, text: markup.visible(text)),
    ("markup", markup.find_markup, lambda _name, text: markup.plain(text)),
    ("odd_characters", markup.find_odd, lambda _name, text: markup.ordinary(text)),
    ("one_line", form.find_lines, form.on_one_line),
)


def check(draft: Draft, material: Material, rules: Rules) -> Checked:
    """Hold a draft against the rules.

    Parameters
    ----------
    draft : Draft
        The words of each field, as they came.
    material : Material
        The source, and whatever else they are compared with.
    rules : Rules
        The rules of the draft's language.

    Returns
    -------
    Checked
        The words after what is to be taken out has been taken out, and every finding. Where nothing would be left, or
        where there is more behind it than stray markup, the words stay as they came, and the findings block.

    Examples
    --------
    >>> checked = check(Draft({"headline": "<b>Stars</b> at hand"}), Material(title="Stars"), Rules())
    >>> checked.words, [(finding.rule, finding.severity) for finding in checked.findings]
    ({'headline': 'Stars at hand'}, [('markup', 'redact')])
    """
    shape = _graded(form.find_misshapen(draft), rules)
    given = {name: markup.tidy(text) for name, text in form.storable(draft.words).items()}
    raw = [finding.placeless() for finding in _graded(_find_raw(given), rules)]
    washed, washing = _wash(given, rules)
    words, found = _redacted(washed, material, rules)
    if words != given and (any(one.severity == BLOCK for one in (*raw, *washing)) or _is_emptied(given, words)):
        # Cleaned, it would look harmless the next time, though nobody has corrected it.
        words = given
        washing, found = (
            [one.raised() if one.severity == REDACT else one for one in some] for some in (washing, found)
        )
    found = [one if _is_as_read(one, words) else one.placeless() for one in found]
    return Checked(words, _once(*shape, *raw, *washing, *found))


def _raised(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, blocking instead of being cut out."""
    return [one.raised() if one.severity == REDACT else one for one in findings]


def _is_as_read(finding: Finding, words: Words) -> bool:
    """Whether the field holds exactly what the rules have read, so that places in it are right."""
    text = words.get(finding.field, "")
    return markup.plain(text) == text


def _is_emptied(given: Words, words: Words) -> bool:
    return any(form.find_empty(words)) and not any(form.find_empty(given))


def _find_raw(words: Words) -> Iterator[Hit]:
    """What shows only before it is washed away, or shows that the rest is not to be trusted either."""
    for name, text in words.items():
        yield from markup.find_active(name, text)
        yield from find_leaks(name, text)


def _once(*findings: Finding) -> tuple[Finding, ...]:
    """The findings without those that are found again with their place."""
    placed = [(one.rule, one.field, one.params) for one in findings if one.spot]
    return tuple(one for one in findings if one.spot or (one.rule, one.field, one.params) not in placed)


def _wash(given: Words, rules: Rules) -> tuple[dict[str, str], list[Finding]]:
    words, findings = {}, []
    for name, text in given.items():
        for rule, find, cleaned in WASHES:
            findings += [finding.placeless() for finding in _graded(find(name, text), rules)]
            if rules.severity(rule) == REDACT:
                text = cleaned(name, text)
        words[name] = markup.tidy(text[: LARGEST[name]])
    return words, findings


def _redacted(words: Words, material: Material, rules: Rules) -> tuple[dict[str, str], list[Finding]]:
    """Cut out what is to be redacted, and look again, for what is left may say something else."""
    current, cut = dict(words), list[Finding]()
    for _round in range(MOST_ROUNDS):
        found = _graded(_find_all(current, material, rules), rules)
        spots = [one for one in found if one.severity == REDACT and one.spot and _is_as_read(one, current)]
        if not spots:
            break
        cut += [one.placeless() for one in spots]
        current = {name: _without(text, name, spots) for name, text in current.items()}
    rest = _graded(_find_all(current, material, rules), rules)
    return current, [*cut, *_raised(rest)]


def _without(text: str, name: str, findings: Iterable[Finding]) -> str:
    spots = sorted(finding.spot[1:] for finding in findings if finding.spot and finding.field == name)
    parts, end = [], 0
    for start, stop in spots:
        if start >= end:
            parts.append(text[end:start])
        end = max(end, stop)
    return GAP.join([*parts, text[end:]]).strip() if spots else text


def _graded(hits: Iterable[Hit], rules: Rules) -> list[Finding]:
    graded = ((found, rules.severity(found.rule)) for found in hits)
    return [
        Finding(found.rule, severity, found.field, found.excerpt, found.start, found.end, found.params)
        for found, severity in graded
        if severity != OFF
    ]


def _find_all(words: Words, material: Material, rules: Rules) -> Iterator[Hit]:
    """Every hit in words of which nothing hides any more."""
    if not material.has_image:
        yield from form.find_empty(words)
    for name in FIELDS:
        if text := markup.plain(words.get(name, "")):
            yield from _find_in(name, text, material, rules)
    yield from find_missing(rules.required, words.values())
    yield from find_language(words, rules.language)
    yield from find_likeness(words, material)
    yield from find_strayed(material, rules)


def _find_in(name: str, text: str, material: Material, rules: Rules) -> Iterator[Hit]:
    yield from form.find_long(name, text, rules)
    yield from markup.find_scripts(name, text, material.source, rules.language)
    yield from find_placeholders(name, text, material)
    yield from find_leaks(name, text)
    # What a placeholder falls back on is read as the rest; its name is not.
    for found in _find_in_speech(name, said(text), material, rules):
        yield found.quoting(text)


def _find_in_speech(name: str, text: str, material: Material, rules: Rules) -> Iterator[Hit]:
    source, language = material.source, rules.language
    known = "\n".join((source, material.known, *rules.required))
    yield from find_links(name, text, material, rules)
    yield from find_personal(name, text, source, language)
    prose = without_links(text)
    yield from find_figures(name, prose, known, (language, material.language or language))
    yield from find_quotations(name, prose, source)
    yield from find_names(name, prose, known, language)
    yield from find_terms("banned", rules.banned, name, text)
    yield from _claims(name, text, source, rules)
    yield from find_terms("profanity", (*of_language(PROFANITY, language), *rules.profanity), name, text)
    yield from find_hard(name, text, rules)


def _claims(name: str, text: str, source: str, rules: Rules) -> Iterator[Hit]:
    claims = rules.claims or of_language(CLAIMS, rules.language)
    for found in find_terms("claims", claims, name, text):
        if not says(str(found.params["term"]), source):
            yield found
