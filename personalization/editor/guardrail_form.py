"""The form of a set of guardrails: how grave each rule is, by rule and in words."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.forms import WagtailAdminModelForm

from personalization.variants.finding_words import label_of
from personalization.variants.guardrails.registry import RULES, Rule
from personalization.variants.models import RuleSet

FAMILIES = {
    gettext_lazy("Form"): ("unknown_field", "not_text", "empty", "too_long", "one_line", "placeholders", "prompt_leak"),
    gettext_lazy("Markup and characters"): (
        *("active_content", "markup", "hidden_characters", "odd_characters", "mixed_scripts", "foreign_script"),
    ),
    gettext_lazy("Links"): ("link_scheme", "link_disguised", "link_domain", "link_missing", "link_unknown"),
    gettext_lazy("Truth to the source"): (
        *("numbers", "dates", "prices", "quotations", "names", "possible_names", "meaning"),
    ),
    gettext_lazy("People"): ("personal_data", "public_data"),
    gettext_lazy("Terms"): ("banned", "required", "claims", "profanity"),
    gettext_lazy("Language and likeness"): ("language", "reading_level", "like_source", "like_variant"),
}
GRAVITIES = {
    "block": gettext_lazy("Block: the draft cannot be submitted"),
    "redact": gettext_lazy("Redact: take it out of the words"),
    "warn": gettext_lazy("Warn: show it to the reviewer"),
    "off": gettext_lazy("Off"),
}


def families() -> Iterator[tuple[Any, list[str]]]:
    """All rules, by what they are about; those that nobody has put anywhere come last."""
    told = {name for names in FAMILIES.values() for name in names}
    yield from ((heading, [name for name in names if name in RULES]) for heading, names in FAMILIES.items())
    if rest := [name for name in RULES if name not in told]:
        yield _("Others"), rest


class SeverityTable(forms.Widget):
    """A row for each rule: its name, what it finds, and how grave that is."""

    template_name = "personalization/editor/asking/severities.html"
    use_fieldset = True

    class Media:
        css: ClassVar = {"all": ["personalization/editor/editor.css", "personalization/editor/asking.css"]}

    def value_from_datadict(self, data: Mapping, files: Any, name: str) -> dict[str, str]:
        return {rule: data[f"{name}-{rule}"] for rule in RULES if f"{name}-{rule}" in data}

    def value_omitted_from_data(self, data: Mapping, files: Any, name: str) -> bool:
        return not any(f"{name}-{rule}" in data for rule in RULES)

    def id_for_label(self, id_: str) -> str:
        return ""

    def get_context(self, name: str, value: Any, attrs: dict | None) -> dict:
        chosen = value if isinstance(value, Mapping) else {}
        tables = [
            {"heading": heading, "rows": [_row(name, rule, RULES[rule], chosen.get(rule)) for rule in rules]}
            for heading, rules in families()
        ]
        return super().get_context(name, value, attrs) | {"tables": tables}


def _row(name: str, code: str, rule: Rule, chosen: str | None) -> dict[str, Any]:
    default = _("%(gravity)s (as built in)") % {"gravity": GRAVITIES[rule.default]}
    choices = [(severity, default if severity == rule.default else GRAVITIES[severity]) for severity in rule.severities]
    return {
        "name": f"{name}-{code}",
        "label": label_of(code),
        "choices": choices,
        "chosen": chosen if chosen in rule.severities else rule.default,
        "is_fixed": len(choices) == 1,
    }


class SeveritiesField(forms.Field):
    """How grave each rule is, where that differs from what is built in."""

    widget = SeverityTable

    def clean(self, value: Any) -> dict[str, str]:
        chosen = value or {}
        for code, severity in chosen.items():
            if severity not in RULES[code].severities:
                raise ValidationError(_("“%(rule)s” cannot be set to that.") % {"rule": label_of(code)})
        return {code: severity for code, severity in chosen.items() if severity != RULES[code].default}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (initial or {}) != self.clean(data)


class RuleSetForm(WagtailAdminModelForm):
    """Guardrails for one language, or for all that have none of their own."""

    severities = SeveritiesField(label=gettext_lazy("How grave each rule is"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        others = RuleSet.objects.filter(locale=cleaned.get("locale")).exclude(pk=self.instance.pk)
        if not self.errors and others.exists():
            self.add_error("locale", _("There are guardrails for this language already: edit those."))
        return cleaned
