"""A real model, small as it is, from an editor's question to drafts that the guardrails have looked at."""

import pytest

from cms_site.demo import model as small
from personalization import tasks
from personalization.variants import generation
from personalization.variants.asking import PromptTemplate
from personalization.variants.choices import CallStatus, PartStatus, State
from personalization.variants.models import Variant
from tests.slots.world import make_item
from tests.variants.test_generators import small_model  # noqa: F401 - a fixture
from tests.variants.world import editor

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
TEXT = (
    "The observatory opens its dome on the first Friday of each month. Visitors may look through the telescope at "
    "Saturn, whose rings are well placed this spring. Entry is free, and children are welcome."
)
TRIES = 3  # it is drawn by lot what it writes: now and then it does not come to an end


def test_its_words_become_drafts_with_what_they_took(small_model, settings, site):  # noqa: F811
    settings.PERSONALIZATION = settings.PERSONALIZATION | {
        "GENERATOR": "personalization.variants.generators.openai_sdk.OpenAIGenerator",
        "GENERATOR_OPTIONS": small.generator_options(small_model),
        "GENERATOR_PRICES": {small.NAME: {"input": 0, "output": 0}},
    }
    template = PromptTemplate.objects.create(name="Teasers", tone="warm, plain")
    item = make_item(1, title="An evening at the observatory", summary="Open dome on Fridays.", text=TEXT)
    request = generation.ask(
        user=editor(), template=template, items=[item], fields=["headline", "summary"], alternatives=2
    )
    for _try in range(TRIES):
        for pk in generation.queue_parts(request=generation.resume(request=request, user=editor())):
            tasks.generate_part(pk)
    part = request.parts.get()
    assert part.status == PartStatus.DONE, part.message
    drafts = Variant.objects.filter(part=part)
    assert 1 <= len(drafts) <= 2
    for draft in drafts:
        assert (draft.state, draft.live, draft.model) == (State.DRAFT, False, small.NAME)
        assert draft.headline or draft.summary
        assert draft.checked_hash
    call = drafts[0].call
    assert call.status == CallStatus.OK
    assert call.input_tokens > 300
    assert 0 < call.output_tokens <= call.reserved_tokens
    assert call.money == 0
