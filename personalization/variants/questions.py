"""What is asked for one part of a request: of which source, in which language, with which examples."""

from dataclasses import dataclass

from wagtail.models import Locale

from personalization.variants.asking import GenerationPart, GenerationRequest
from personalization.variants.choices import Words
from personalization.variants.generators.base import Prompt
from personalization.variants.hashing import Source, item_source, slot_source
from personalization.variants.judging import praised_examples
from personalization.variants.models import Variant
from personalization.variants.prompting import Example, build_prompt, examples_of

# What a slot has words for: its heading and its text.
SLOT_WORDS = (Words.HEADLINE, Words.SUMMARY)


@dataclass(frozen=True)
class Question:
    """A prompt, with the source as it stood then and the language of the answer."""

    source: Source
    locale: Locale
    prompt: Prompt


def question_of(part: GenerationPart) -> Question:
    """What a part asks, as its source, template and segment stand now."""
    request = part.request
    source = item_source(part.item) if part.item_id else slot_source(part.slot)
    locale = language_of(request, source)
    prompt = build_prompt(
        request.template,
        source,
        segment=part.segment,
        fields=fields_for(request, part),
        alternatives=request.alternatives,
        locale=locale,
        note=request.note,
        examples=_examples(request, locale),
    )
    return Question(source, locale, prompt)


def fields_for(request: GenerationRequest, part: GenerationPart) -> list[str]:
    """What is to be written: of a slot, only what it has."""
    return [name for name in request.fields if part.item_id or name in SLOT_WORDS]


def language_of(request: GenerationRequest, source: Source) -> Locale:
    """The template's language, else the request's, else the source's own, else the site's."""
    own = Locale.objects.filter(language_code=source.language).first() if source.language else None
    return request.template.language or request.locale or own or Locale.get_default()


def _examples(request: GenerationRequest, locale: Locale) -> list[Example]:
    """The template's own examples, and approved variants that editors liked."""
    liked = praised_examples(request.template, locale) if request.template.learns else []
    return [*examples_of(request.template), *(_example(variant) for variant in liked)]


def _example(variant: Variant) -> dict[str, str]:
    words = {name: text for name, text in variant.words.items() if text}
    return {"source": " ".join(filter(None, variant.source_words.values())), **words}
