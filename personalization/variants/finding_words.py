"""The guardrails in editors' words: each rule's name, what it found, and what to do about it."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language_info, gettext
from django.utils.translation import gettext_lazy as _

LABELS = {
    "unknown_field": _("Fields that nobody asked for"),
    "not_text": _("Values that are no text"),
    "empty": _("Nothing written"),
    "too_long": _("Too long"),
    "one_line": _("Line breaks where there is one line"),
    "active_content": _("Scripts and embedded content"),
    "markup": _("HTML and entities"),
    "hidden_characters": _("Hidden characters"),
    "odd_characters": _("Letters made of signs"),
    "mixed_scripts": _("Words of mixed scripts"),
    "foreign_script": _("Words in a foreign script"),
    "link_scheme": _("Links that are no web addresses"),
    "link_disguised": _("Disguised links"),
    "link_domain": _("Links to other domains"),
    "link_missing": _("Links that lead nowhere"),
    "link_unknown": _("Links that could not be tried"),
    "banned": _("Banned terms"),
    "required": _("Required terms that are missing"),
    "personal_data": _("Personal data"),
    "public_data": _("Personal data that the source states"),
    "numbers": _("Numbers that the source does not state"),
    "dates": _("Dates that the source does not state"),
    "prices": _("Prices that the source does not state"),
    "quotations": _("Quotations that the source does not contain"),
    "names": _("Names that the source does not mention"),
    "possible_names": _("What may be a name and is not in the source"),
    "meaning": _("Off the subject"),
    "language": _("Another language"),
    "reading_level": _("Hard to read"),
    "like_source": _("Nearly the original"),
    "like_variant": _("Nearly another variant"),
    "claims": _("Superlatives and claims"),
    "profanity": _("Profanity"),
    "prompt_leak": _("Traces of the talk with the model"),
    "placeholders": _("Placeholders that the source does not use"),
}
SENTENCES = {
    "unknown_field": _("There is a field “%(excerpt)s”, which nobody asked for."),
    "not_text": _("This is no text."),
    "empty": _("Nothing is written."),
    "too_long": _("%(length)s characters, of at most %(limit)s."),
    "one_line": _("There are line breaks in it."),
    "active_content": _("A browser could run or load this: %(excerpt)s"),
    "markup": _("There is HTML, or an entity, in it: %(excerpt)s"),
    "hidden_characters": _("There are characters in it that nobody sees: %(excerpt)s"),
    "odd_characters": _("Letters are made of signs, which screen readers spell out: %(excerpt)s"),
    "mixed_scripts": _("“%(excerpt)s” mixes letters of several scripts, as look-alikes of other words do."),
    "foreign_script": _("“%(excerpt)s” is in a script that neither this language nor the source uses."),
    "link_scheme": _("“%(excerpt)s” is no web address."),
    "link_disguised": _("“%(excerpt)s” hides where it leads."),
    "link_domain": _("“%(excerpt)s” leads to a domain that is not on the list."),
    "link_missing": _("“%(excerpt)s” leads nowhere."),
    "link_unknown": _("Nobody has tried yet whether “%(excerpt)s” leads anywhere."),
    "banned": _("“%(term)s” must not be said."),
    "required": _("“%(term)s” must be said and is not."),
    "personal_data": _("“%(excerpt)s” looks like %(kind_words)s, and the source does not state it."),
    "public_data": _("“%(excerpt)s” looks like %(kind_words)s. The source states it, too."),
    "numbers": _("The source does not state “%(excerpt)s”."),
    "dates": _("The source does not state the date “%(excerpt)s”."),
    "prices": _("The source does not state the price “%(excerpt)s”."),
    "quotations": _("The source does not contain %(excerpt)s."),
    "names": _("The source does not mention “%(excerpt)s”."),
    "possible_names": _("“%(excerpt)s” may be a name; the source does not mention it."),
    "meaning": _("It may be off the subject: its likeness to the source is %(similarity)s, of at least %(least)s."),
    "language": _("It seems to be in %(found_words)s, not in %(expected_words)s."),
    "reading_level": _("Its reading level is %(level)s (LIX), of at most %(hardest)s."),
    "like_source": _("It nearly repeats the original (likeness %(likeness)s)."),
    "like_variant": _("It nearly repeats another variant of the same source (likeness %(likeness)s)."),
    "claims": _("“%(term)s” is a claim that the source does not make."),
    "profanity": _("“%(excerpt)s” is offensive."),
    "prompt_leak": _("“%(excerpt)s” belongs to the talk with the model, not on a page."),
    "placeholders": _("“%(excerpt)s” is no placeholder of the source."),
}
ADVICE = {
    "too_long": _("Shorten it."),
    "required": _("Add it to one of the fields."),
    "personal_data": _("Take it out."),
    "public_data": _("Leave it only if it is meant for everybody."),
    "numbers": _("Take it out, or write what the source states."),
    "dates": _("Take it out, or write what the source states."),
    "prices": _("Take it out, or write what the source states."),
    "quotations": _("Quote the source word for word, or take the quotation marks away."),
    "names": _("Take it out, or name whom the source names."),
    "possible_names": _("Check that it is true."),
    "link_domain": _("Take the link out, or ask an administrator to allow the domain in the guardrails."),
    "link_missing": _("Correct the address, or take it out."),
    "link_unknown": _("Open it yourself before you approve."),
    "link_scheme": _("Take it out."),
    "link_disguised": _("Write the address in full and in plain letters, or take it out."),
    "meaning": _("Read it beside the source."),
    "language": _("Write it in the variant’s language, or reject it."),
    "reading_level": _("Write shorter sentences and words."),
    "claims": _("Say it only if it can be proved."),
    "mixed_scripts": _("Type the word again."),
    "foreign_script": _("Type the word again in the letters of this language."),
    "prompt_leak": _("Take it out; read the rest twice."),
    "placeholders": _("Take it out, or use one of the source’s, with words to fall back on: {visitor.first_name|you}."),
    "like_source": _("Such a test shows nothing. Say something else, or reject it."),
    "like_variant": _("Such a test shows nothing. Say something else, or reject it."),
}
TAKEN_OUT = _("It was taken out. Read what is left.")
TAKE_OUT = _("Take it out.")
KINDS = {
    "email": _("an e-mail address"),
    "phone": _("a telephone number"),
    "iban": _("a bank account"),
    "card": _("a payment card"),
    "ip": _("an internet address"),
    "national_id": _("an official number of a person"),
    "handle": _("somebody’s account name"),
}


def label_of(rule: str) -> str:
    """A rule's name; its code, where a later version of the rules found it."""
    return str(LABELS.get(rule, rule))


def sentence_of(finding: Mapping[str, Any]) -> str:
    """What was found, in a sentence."""
    values = {"excerpt": finding.get("excerpt", ""), **(finding.get("params") or {})}
    values["kind_words"] = KINDS.get(values.get("kind", ""), "")
    values |= {f"{name}_words": _language(values[name]) for name in ("found", "expected") if name in values}
    try:
        return str(SENTENCES[finding["rule"]]) % values
    except (KeyError, TypeError, ValueError):
        return label_of(finding["rule"])


def advice_of(finding: Mapping[str, Any]) -> str:
    """What to do about it."""
    if finding["severity"] == "redact":
        return str(TAKEN_OUT)
    return str(ADVICE.get(finding["rule"], TAKE_OUT if finding["severity"] == "block" else ""))


def _language(code: str) -> str:
    try:
        return gettext(get_language_info(code)["name"])
    except KeyError:
        return code
