"""What belongs to the talk with the model and not on a page: its prompt, excuses, markup and secrets."""

import re
from collections.abc import Iterator

from personalization.variants.guardrails.characters import fold
from personalization.variants.guardrails.records import Hit, hit

ORDERS = (
    r"(?:instructions?|prompts?|rules?|directions?|commands?|messages?|guidelines?|text|anweisungen|regeln|befehle|"
    r"consignes|regles)"
)
FORMER = r"(?:previous|prior|above|earlier|preceding|foregoing|vorherigen?|bisherigen?|obigen?|precedentes?|ci-dessus)"
IGNORE = r"(?:ignore|disregard|forget|override|bypass|ignorez?|oubliez?|ignoriere|vergiss|missachte)"
FILLER = r"(?:\W+(?:all|any|the|of|everything|toutes?|les|alle|die|and))*"
KINDS_OF_WORDS = r"(?:headlines?|summar(?:y|ies)|variants?|versions?|alternatives?|rewrites?|json|output|response)"
# By kind; read without case and accents.
PHRASES = {
    "assistant": (
        r"\bas an? (?:ai|artificial intelligence|large language|language)\b(?: model| assistant)?",
        r"\b(?:i am|i'm|i’m) (?:an? )?(?:ai|chatgpt|gpt|claude|gemini|llama|smollm|large language|language model)\b",
        r"\b(?:en tant qu[e'’] ?(?:ia|intelligence artificielle|modele)|je suis une? (?:ia|modele de langage))",
        r"\bals (?:ki|kunstliche intelligenz|sprachmodell|ki-modell)\b|\bich bin (?:eine ki|ein sprachmodell)\b",
        r"\bmy (?:training data|knowledge cutoff|system prompt|instructions|guidelines|programming)\b",
        r"\btrained by (?:openai|google|meta|anthropic|hugging ?face|mistral)\b",
    ),
    "excuse": (
        r"\bi (?:cannot|can't|can’t|am unable to|am not able to|won't|won’t) "
        r"(?:assist|help|comply|fulfil|provide|generate|create|write|answer|share|do that)",
        r"\b(?:i'm|i’m|i am) sorry,? (?:but )?i\b|\bi apologi[sz]e,? but\b",
        r"\bje (?:ne peux pas|suis desole)\b|\bich kann (?:dabei )?(?:leider )?nicht helfen\b",
        r"\bes tut mir leid, aber ich\b",
    ),
    "chatter": (
        r"^\W*(?:sure|certainly|of course|absolutely|okay|ok)\W+(?:here|i)\b",
        rf"\bhere(?: is|'s|’s| are) (?:an?|the|your|my|some|two|three|\d+) (?:\w+ ){{0,3}}{KINDS_OF_WORDS}\b",
        r"^\W*(?:headline|summary|title|call[ _]to[ _]action|cta|image[ _]description|output|uberschrift|"
        r"zusammenfassung|titre|resume)\s?\d*\s?[:=]",
        r"\blet me know if\b.*\b(?:changes|else|adjust|revis)",
        r"\b(?:voici|hier (?:ist|sind)) (?:\w+ ){0,3}(?:titres?|resumes?|variantes?|uberschriften)\b",
    ),
    "instructions": (
        rf"\b{IGNORE}{FILLER}\W+(?:{FORMER}|(?:your|my|these|those|system|tes|vos|deine) {ORDERS})(?:\W+{ORDERS})?",
        rf"\b{IGNORE}{FILLER}\W+(?:instructions?|prompts?|anweisungen|consignes)\b",
        r"\bsystem[ _-]?(?:prompt|message|instructions?)\b",
        r"\b(?:you are|act as) (?:an? )?(?:helpful|copywriter|assistant|ai\b|experienced (?:editor|writer|copywriter))",
        r"\b(?:tu es|vous etes) un assistant\b|\bdu bist ein (?:hilfreicher )?assistent\b",
        r"\b(?:new|updated|real) instructions?\s?:|\bdeveloper mode\b|\bjailbreak|\bdo anything now\b",
        r"\b(?:do not|never) (?:reveal|disclose) (?:this|these|the|your)\b",
        rf"\b(?:repeat|print|reveal|show|output) (?:the |your |all )*(?:{FORMER}|system|initial|hidden)\b",
        r"\bmust[ _-](?:not[ _-])?say\s?:|\bbrand voice\s?:|\bprompt template\b|\btarget (?:audience|segment)\s?:",
    ),
    "markup": (
        r"```|~~~",
        r"<\|[^|\n]{1,40}\|>|\[/?(?:inst|sys|system|source|data|assistant|user|end|begin)\]|<</?sys>>",
        r"(?m:^\s*#{1,6}\s+\S)|(?m:^\s*(?:system|assistant|user|human|ai|bot|model|developer)\s?:)",
        r"<<<+|>>>+|={4,}|-{4,}|#{3,}|_{4,}|\*{3,}|\*\*[^*]+\*\*",
        r"\b(?:begin|end) (?:of )?(?:source|data|document|input|context|instructions)\b",
        r"</?(?:s|source|page|document|context|think|thinking|answer|user|system|assistant)>",
        r"\"?\b(?:headline|summary|call_to_action|image_description|alternatives)\"?\s?:\s?[\"\[{]",
        r"^\s*[\[{]\s*[\"{\[]|[\"}]\s*[}\]]\s*$|\\[nrt\"]|\\u[0-9a-f]{4}",
    ),
    "unfinished": (
        r"\blorem ipsum\b|\b(?:tbd|todo|fixme|xxx+)\b",
        r"[\[<(](?:insert|your|add|name|city|date|company|product|brand|link|url|placeholder|nom|votre|ihr|hier)\b"
        r"[^\])>]*[\])>]",
        r"^\W*(?:undefined|null|none|nan|n/a|\[object object\])\W*$",
    ),
    "secret": (
        r"\bsk-[a-z0-9_-]{12,}|\bakia[0-9a-z]{16}\b|\bgh[pousr]_[a-z0-9]{20,}|\bxox[abpr]-[a-z0-9-]{10,}",
        r"\b(?:api[ _-]?key|password|passwort|mot de passe)\s?[:=]\s?\S{4,}|\bbearer [a-z0-9._-]{16,}",
        r"-----begin|\beyj[a-z0-9_-]{10,}\.[a-z0-9_-]{10,}|\b[0-9a-f]{32,}\b",
    ),
}
LEAKS = {kind: re.compile("|".join(phrases)) for kind, phrases in PHRASES.items()}


def find_leaks(name: str, text: str) -> Iterator[Hit]:
    """The first sign of each kind.

    Examples
    --------
    >>> [found.params["kind"] for found in find_leaks("summary", "As an AI language model, I cannot help.")]
    ['assistant', 'excuse']
    """
    folded = fold(text)
    for kind, pattern in LEAKS.items():
        if found := pattern.search(folded.text):
            yield hit("prompt_leak", name, text, *folded.span(found.start(), found.end()), kind=kind)
