"""All rules together: what they return, and what settings may change."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.variants.guardrails.check import check
from personalization.variants.guardrails.form import storable
from personalization.variants.guardrails.records import FIELDS, LARGEST, Draft, Finding, Rules
from personalization.variants.guardrails.registry import RULES
from tests.variants.guardrails.material import ENGLISH, GERMAN, held, rules_of
from tests.variants.hostile import BENIGN, FAMILIES

WORDS = st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60), max_size=4)
HOSTILE = [one for family in FAMILIES.values() for one in family]
SEVERITIES = st.dictionaries(st.sampled_from(sorted(RULES)), st.sampled_from(["block", "redact", "warn", "off"]))


@given(st.one_of(WORDS, st.sampled_from(HOSTILE).map(lambda one: one.words)), SEVERITIES)
def test_another_look_comes_to_the_same_verdict(words, severities):
    rules = Rules(severities=severities, banned=("wonder cure",))
    once = check(Draft(words), ENGLISH, rules)
    twice = check(Draft(once.words), ENGLISH, rules)
    assert twice.words == once.words
    assert twice.is_blocked == once.is_blocked
    assert not [one for one in twice.findings if one.severity == "redact"]


@given(st.one_of(WORDS, st.sampled_from(HOSTILE).map(lambda one: one.words)))
def test_findings_survive_json_and_point_at_their_words(words):
    checked = held(**words)
    for finding in checked.findings:
        assert Finding.from_dict(json.loads(json.dumps(finding.as_dict()))) == finding
        assert finding.severity in RULES[finding.rule].severities
        if finding.spot and not finding.excerpt.endswith("…"):
            assert checked.words[finding.field][finding.start : finding.end] == finding.excerpt


@given(st.dictionaries(st.text(max_size=12), st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text()))))
def test_any_answer_can_be_looked_at(answer):
    checked = check(Draft(answer), ENGLISH, Rules())
    assert set(checked.words) <= set(FIELDS)
    for name, text in checked.words.items():
        text.encode()
        assert "\0" not in text
        assert len(text) <= LARGEST[name]


@pytest.mark.parametrize("name", BENIGN)
def test_good_words_pass_without_a_finding(name):
    checked = held(**BENIGN[name])
    assert checked.words == BENIGN[name]
    assert checked.findings == ()


def test_the_form_of_an_answer():
    assert rules_of(held(headline="Bread", title="More", summary=["a"])) == ["unknown_field", "not_text"]
    assert storable({"headline": "x" * 999, "summary": None}) == {"headline": "x" * LARGEST["headline"]}


def test_limits_are_the_templates():
    (finding,) = held(rules=Rules(limits={"headline": 20}), headline="Bread while you sleep").findings
    assert (finding.rule, finding.params) == ("too_long", {"length": 21, "limit": 20})


def test_a_picture_need_not_be_worded():
    assert rules_of(held(headline="")) == ["empty"]
    assert rules_of(held(replace(ENGLISH, has_image=True), headline="")) == []


@pytest.mark.parametrize(
    ("text", "material", "is_other"),
    [
        ("Brot backen zu Hause ist ganz einfach", ENGLISH, True),
        ("Baking bread at home is quite simple", GERMAN, True),
        ("Baking bread at home is quite simple", ENGLISH, False),
        ("Brot backen ist ganz einfach", GERMAN, False),
        ("Brot", ENGLISH, False),
        ("Baguette", ENGLISH, False),
    ],
)
def test_the_language_is_the_variants(text, material, is_other):
    assert ("language" in rules_of(held(material, summary=text))) is is_other


def test_meaning_is_judged_only_where_it_was_measured():
    assert rules_of(held(headline="Bread"), "warn") == []
    (finding,) = held(replace(ENGLISH, similarity=0.2), headline="Bread").findings
    assert (finding.rule, finding.params) == ("meaning", {"similarity": 0.2, "least": 0.35})
    assert rules_of(held(replace(ENGLISH, similarity=0.4), headline="Bread")) == []


def test_what_says_the_same_again_is_marked():
    other = {"headline": "Slow bread", "summary": "Flour and water."}
    assert rules_of(held(headline="Baking sourdough at home!")) == ["like_source"]
    assert rules_of(held(replace(ENGLISH, neighbours=(other,)), **other)) == ["like_variant"]
    assert rules_of(held(replace(ENGLISH, neighbours=(other,)), headline="Bread of patience")) == []


def test_hard_words_are_marked():
    hard = (
        "Fermentation methodology necessitates considerable environmental stability throughout consecutive processing"
    )
    hard += " intervals notwithstanding individual circumstances."
    assert rules_of(held(rules=Rules(hardest=45), summary=hard)) == ["reading_level"]
    assert rules_of(held(summary=hard)) == []


def test_placeholders_are_the_sources():
    greeting = replace(ENGLISH, placeholders=frozenset({"first_name"}))
    assert rules_of(held(greeting, headline="Bread for {visitor.first_name|you}")) == []
    assert rules_of(held(greeting, headline="Bread for {visitor.first_name|}")) == ["placeholders"]
    assert rules_of(held(greeting, headline="Bread for {visitor.top_tag|you}")) == ["placeholders"]
    assert rules_of(held(greeting, headline="Bread for {visitor.first_name|bitch}")) == ["profanity"]
    assert rules_of(held(headline="Bread for {visitor.first_name|you}")) == ["placeholders"]


def test_a_site_may_be_laxer_or_stricter():
    words = {"headline": "The best bread"}
    assert not held(**words).is_blocked
    assert held(rules=Rules(severities={"claims": "block"}), **words).is_blocked
    assert rules_of(held(rules=Rules(severities={"claims": "off"}), **words)) == []
    assert held(rules=Rules(severities={"claims": "redact"}), **words).words == {"headline": "… bread"}
