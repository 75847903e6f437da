"""Names and quotations that the source does not have."""

import pytest

from tests.variants.guardrails.material import found, held, rules_of


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("A guide by Maria Keller", "en", []),
        ("Maria Keller’s guide, and Keller's bread", "en", []),
        ("A baker in Freiburg", "en", []),
        ("Fernway bakes", "en", []),
        ("A guide by Peter Schmidt", "en", [("names", "Peter Schmidt")]),
        ("Dr. Weber explains it", "en", [("names", "Dr. Weber")]),
        ("A guide from Paris", "en", [("possible_names", "Paris")]),
        ("Approved by the NATO", "en", [("possible_names", "NATO")]),
        ("Tested by the Baking Institute", "en", [("names", "Baking Institute")]),
        ("Thomas Becker Shares His Recipe", "en", [("names", "Thomas Becker Shares His Recipe")]),
        ("Slow Bread Made With Patience", "en", []),
        ("Patience is all. Time does the rest.", "en", []),
        ("I’m home, and I bake", "en", []),
        ("Neue Freude am Backen mit Geduld", "de", []),
        ("Ein Rezept von Frau Lehmann", "de", [("names", "Frau Lehmann")]),
        ("Une recette de Jean Dupont", "fr", [("names", "Jean Dupont")]),
    ],
)
def test_names(text, language, expected):
    assert [one for one in found(text, language) if one[0] != "language"] == expected


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("“The starter does the work while you sleep.”", True),
        ("“the starter does the work”, says the baker", True),
        ("It does “the work” for you", True),
        ("“The starter does all the work”", False),
        ("«Bread is my life»", False),
        ("„Bread is my life“", False),
        ('She says "bread is my life"', False),
        ("She says ‘bread is my life’", False),
        ("It’s the baker’s, and the bakers’ bread", True),
        ("Rock ’n’ roll", True),
    ],
)
def test_quotations(text, is_said):
    assert ("quotations" not in rules_of(held(summary=text))) is is_said
