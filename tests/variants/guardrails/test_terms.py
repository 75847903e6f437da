"""Terms are found however they are written, and only they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.variants.guardrails.records import Rules
from personalization.variants.guardrails.terms import find_terms
from tests.variants.guardrails.material import FRENCH, GERMAN, found, held, rules_of

DISGUISES = {
    "as it is": lambda term: term,
    "capitals": str.upper,
    "spaces": " ".join,
    "points": ".".join,
    "hyphens": "-".join,
    "zero-width": "\u200b".join,
    "soft hyphens": "\u00ad".join,
    "full-width": lambda term: "".join(chr(ord(letter) + 0xFEE0) for letter in term),
    "Cyrillic": lambda term: term.translate(str.maketrans("aeopcxyi", "аеорсхуі")),
    "digits": lambda term: term.translate(str.maketrans("oleastb", "0134578")),
    "accents": lambda term: "".join(letter + "\u0301" for letter in term),
}


def terms_in(text: str, *terms: str) -> list[str]:
    return [hit.params["term"] for hit in find_terms("banned", terms, "summary", text)]


@pytest.mark.parametrize("disguise", DISGUISES)
@given(st.from_regex(r"[a-z]{4,10}", fullmatch=True))
def test_no_disguise_hides_a_term(disguise, term):
    assert terms_in(f"So: {DISGUISES[disguise](term)}!", term) == [term]


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("asbestos", "best"),
        ("Scunthorpe", "cunt"),
        ("a classic", "ass"),
        ("the cocktail", "cock"),
        ("Essex", "sex"),
        ("e.g. a loaf", "ga"),
        ("bread", ""),
        ("bread", "  "),
    ],
)
def test_a_part_of_a_word_is_not_the_term(text, term):
    assert terms_in(text, term) == []


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("A wonder\ncure", "wonder cure"),
        ("Straßenbahn", "strassenbahn"),
        ("we love C++ here", "C++"),
        ("この奇跡の治療", "奇跡"),
        ("ELEFANTEN-HAUS", "elefanten haus"),
    ],
)
def test_terms_of_all_kinds_are_found(text, term):
    assert terms_in(text, term) == [term]


def test_what_is_found_is_told_with_its_place():
    checked = held(rules=Rules(banned=("wonder cure",)), summary="Bread is a W0nder Cure.")
    (finding,) = [one for one in checked.findings if one.rule == "banned"]
    assert (finding.excerpt, finding.severity, finding.params) == ("W0nder Cure", "block", {"term": "wonder cure"})
    assert checked.words["summary"][finding.start : finding.end] == "W0nder Cure"


def test_a_required_term_may_stand_in_any_field():
    rules = Rules(required=("Fernway", "sourdough"))
    assert rules_of(held(rules=rules, headline="Bread at home")) == ["required", "required"]
    assert rules_of(held(rules=rules, headline="Sourdough", call_to_action="Read it at Fernway")) == []


def test_redacted_terms_leave_a_gap():
    rules = Rules(banned=("wonder cure",), severities={"banned": "redact"})
    checked = held(rules=rules, summary="Bread is a wonder cure, and a wonder-cure it stays.")
    assert checked.words == {"summary": "Bread is a …, and a … it stays."}
    assert rules_of(checked) == ["banned", "banned"]


@pytest.mark.parametrize(
    ("text", "language", "claim"),
    [
        ("The best bread you will ever bake", "en", "the best"),
        ("Guaranteed to rise", "en", "guaranteed"),
        ("Le meilleur pain de la ville", "fr", "le meilleur"),
        ("Das beste Brot der Stadt", "de", "das beste"),
    ],
)
def test_claims_are_marked(text, language, claim):
    assert claim in {excerpt.lower() for rule, excerpt in found(text, language) if rule == "claims"}


def test_a_claim_of_the_source_may_be_repeated():
    assert found("A calm guide", claims=("calm",)) == []
    assert [rule for rule, _excerpt in found("A mild guide", claims=("mild",))] == ["claims"]


@pytest.mark.parametrize(
    ("material", "text"), [(FRENCH, "Ce pain est de la merde."), (GERMAN, "Dieses Brot ist Scheiße.")]
)
def test_profanity_of_each_language(material, text):
    assert "profanity" in rules_of(held(material, summary=text), "block")
