"""Links lead to allowed domains that exist, or nowhere."""

from dataclasses import replace

import pytest

from personalization.variants.guardrails.links import is_among
from personalization.variants.guardrails.records import Rules
from tests.variants.guardrails.material import ENGLISH, held, rules_of

ALLOWED = Rules(allowed_domains=("example.org", "WWW.Example.net"))


def judged(text: str, exists: bool | None = True, rules: Rules = ALLOWED) -> list[str]:
    material = replace(ENGLISH, link_exists=lambda address: exists)
    return [rule for rule in rules_of(held(material, rules, summary=text)) if rule.startswith("link")]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("See https://example.org/bread?x=1#top.", []),
        ("See www.example.org", []),
        ("See docs.example.net/bread", []),
        ("See https://localhost/bread/", []),
        ("See https://example.com/bread", ["link_domain"]),
        ("See example.com", ["link_domain"]),
        ("See https://example.org.evil.com", ["link_domain"]),
        ("See https://notexample.org", ["link_domain"]),
        ("See //example.com/bread", ["link_domain"]),
        ("See https://example.org@evil.com", ["link_disguised"]),
        ("See https://ехample.org", ["link_disguised"]),
        ("See https://xn--xample-2of.org", ["link_disguised"]),
        ("See http://127.0.0.1/", ["link_disguised"]),
        ("See [bread](https://example.org)", ["link_disguised"]),
        ("See evil dot com", ["link_disguised"]),
        ("See javascript:alert", ["link_scheme"]),
        ("See mailto:ada@example.org", ["link_scheme"]),
        ("See ftp://example.org", ["link_scheme"]),
    ],
)
def test_links(text, rules):
    assert judged(text)[:1] == rules


@pytest.mark.parametrize(
    "text",
    ["E.g. this, i.e. that", "At 10 p.m. or so", "Use Node.js", "z.B. hier", "Note: read on", "One.Two", "and/or"],
)
def test_what_only_looks_like_a_link(text):
    assert judged(text) == []


def test_a_link_has_to_lead_somewhere():
    assert judged("See https://example.org/bread", exists=False) == ["link_missing"]
    assert judged("See https://example.org/bread", exists=None) == ["link_unknown"]


def test_a_redacted_link_is_gone():
    rules = Rules(severities={"link_domain": "redact"})
    assert held(rules=rules, summary="See https://example.com/a, or bake.").words == {"summary": "See …, or bake."}


@pytest.mark.parametrize("domain", ["example.org", "www.example.org", "Example.ORG ", "example.org."])
def test_domains_are_compared_as_wholes(domain):
    assert is_among("a.example.org", [domain])
    assert not is_among("anexample.org", [domain])
    assert not is_among("org", [domain])
