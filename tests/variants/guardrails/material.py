"""A source, and the shortest way to hold words against it."""

from personalization.variants.guardrails.check import check
from personalization.variants.guardrails.records import Checked, Draft, Material, Rules
from tests.variants.hostile import SOURCE

ENGLISH = Material(**SOURCE, language="en", known="Fernway", own_domains=frozenset({"localhost"}))
GERMAN = Material(
    title="Sauerteigbrot selbst backen",
    summary="Eine ruhige Anleitung für Brot, das wenig Zeit braucht.",
    text=(
        "Sauerteig braucht nur Mehl, Wasser und Salz. Maria Keller verkauft in Freiburg 1.200 Brote am Tag, 35 % davon "
        "aus Roggen. Am 15. März 2024 eröffnete sie ihr zweites Geschäft. Ein Brot kostet 4,50 €."
    ),
    language="de",
)
FRENCH = Material(
    title="Faire son pain au levain",
    summary="Un guide calme pour un pain qui demande peu de temps.",
    text=(
        "Le levain ne demande que de la farine, de l’eau et du sel. Maria Keller vend 1 200 pains par jour à Fribourg, "
        "dont 35 % de seigle. Le 15 mars 2024, elle a ouvert sa deuxième boutique. Un pain coûte 4,50 €."
    ),
    language="fr",
)
MATERIALS = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH}


def held(material: Material = ENGLISH, rules: Rules | None = None, **words: object) -> Checked:
    """Words of a draft, held against the rules."""
    return check(Draft(words), material, rules or Rules(language=material.language))


def rules_of(checked: Checked, *severities: str) -> list[str]:
    """The rules that found something, of these severities or of any."""
    return [one.rule for one in checked.findings if not severities or one.severity in severities]


def found(text: str, language: str = "en", **rules: object) -> list[tuple[str, str]]:
    """What is found in one summary: rules, and the words that they are about."""
    checked = held(MATERIALS[language], Rules(language=language, **rules), summary=text)
    return [(one.rule, one.excerpt) for one in checked.findings]
