"""The demonstration's other words: prompt template, rules, budgets, and words that people have written and approved.

What stands here is written by hand, and the admin says so. What a model writes comes from a model: see `model.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from wagtail.models import Collection, Locale

from cms_site.home.models import ArticlePage
from personalization.catalog.models import Item
from personalization.slots.models import Slot
from personalization.variants import generation, reviewing, services
from personalization.variants.checking import check_variant
from personalization.variants.choices import Words
from personalization.variants.drawing import COLLECTION
from personalization.variants.hashing import source_of
from personalization.variants.models import Budget, GenerationRequest, PromptTemplate, RuleSet, Variant
from personalization.variants.workflow import ensure_workflow
from personalization.visitors.models import Segment

SEGMENT = "weekend-letter"
CAMPAIGN = "weekend"
TEMPLATE = "Fernway, plain and warm"
EXAMPLE = {
    "source": "How a heap of kitchen waste turns into soil within a year, and what it needs for that.",
    "headline": "A year from peelings to soil",
    "summary": "What a heap of kitchen waste needs to become earth.",
    "call_to_action": "Start a heap",
}


@dataclass(frozen=True)
class Written:
    """Words by hand for an article or a slot; without `approves`, they wait for a reviewer."""

    slug: str = ""
    slot: str = ""
    headline: str = ""
    summary: str = ""
    call_to_action: str = ""
    days: int | None = None
    approves: bool = True


WORDS = (
    Written(slot="home-popular", headline="For a slow weekend"),
    Written(
        slug="a-dry-ride-in-the-rain",
        headline="Ride anyway, and arrive dry",
        summary="Most of the wet comes up from your own tyres. A pair of mudguards stops nearly all of it.",
        call_to_action="Stay dry",
        days=90,
    ),
    Written(
        slug="how-a-street-gets-its-numbers",
        headline="Look at the doors on your next walk",
        summary="House numbers look obvious until you compare the streets of two cities.",
        call_to_action="Read before you go",
    ),
    Written(
        slug="why-buses-arrive-in-pairs",
        headline="The bus you waited for has brought another",
        summary="An evenly spaced bus line cannot stay even: a small delay feeds itself.",
        approves=False,
    ),
)

# What the demonstration model is asked about.
ASKED_FOR = ("a-heap-that-cooks", "three-lamps-and-a-chair", "cabbage-salt-and-patience")


def prepare() -> None:
    """Make what administrators set, and the workflow, as far as they are missing."""
    ensure_workflow()
    if not PromptTemplate.objects.filter(name=TEMPLATE).exists():
        template = PromptTemplate(
            name=TEMPLATE,
            brand_voice="Fernway explains the world from an ordinary kitchen, garden or street. It never shouts.",
            audience="Curious readers without previous knowledge",
            tone="Plain, warm, a little dry. Short sentences.",
            must_not_say="must-read\nyou won't believe",
            examples=[("example", EXAMPLE)],
        )
        template.full_clean()
        template.save()
        template.save_revision()
    if not RuleSet.objects.exists():
        RuleSet.objects.create(name="House rules", banned="must-read\nmind-blowing\nhack", hardest=60)
    for scope, tokens in ((Budget.Scope.SITE, 200_000), (Budget.Scope.EDITOR, 60_000)):
        Budget.objects.get_or_create(scope=scope, editor=None, defaults={"tokens": tokens})
    if not Collection.objects.filter(name=COLLECTION).exists():
        Collection.get_first_root_node().add_child(name=COLLECTION)


def create_variants() -> int:
    """Write the variants that are missing, and have them approved by somebody else; return how many."""
    prepare()
    segment = _segment()
    return sum(_write(words, segment) for words in WORDS)


def ask_model(progress: Callable[[int, int], None] | None = None) -> int:
    """Ask the model for words for some articles, as the editor would, and put into the queue what no rule blocks.

    Returns how many drafts there are; none at a repeat.
    """
    if GenerationRequest.objects.exists():
        return 0
    editor = get_user_model()._default_manager.get(username="editor")
    request = generation.ask(
        user=editor,
        template=PromptTemplate.objects.get(name=TEMPLATE),
        fields=[Words.HEADLINE, Words.SUMMARY],
        alternatives=1,
        items=[_item(slug) for slug in ASKED_FOR],
        segments=[Segment.objects.get(key=SEGMENT)],
    )
    waiting = generation.queue_parts(request=request)
    for done, part_id in enumerate(waiting, start=1):
        generation.generate_part(part_id=part_id)
        if progress:
            progress(done, len(waiting))
    drafts = Variant.objects.filter(part__request=request)
    for variant in drafts:
        if not variant.is_blocked:
            services.submit_variant(variant=variant, user=editor)
    return len(drafts)


def _segment() -> Segment:
    segment = Segment.objects.filter(key=SEGMENT).first()
    if segment is None:
        segment = Segment(
            key=SEGMENT,
            name="From the weekend letter",
            description=f"Who comes by a link with utm_campaign={CAMPAIGN}, as in /?utm_campaign={CAMPAIGN}.",
            rules=[("campaign", {"parameter": "campaign", "value": CAMPAIGN})],
        )
        segment.full_clean()
        segment.save()
        segment.save_revision().publish()
    return segment


@transaction.atomic
def _write(words: Written, segment: Segment) -> bool:
    source = _source(words)
    if Variant.objects.filter(segment=segment, part=None, **source).exists():
        return False
    users = get_user_model()._default_manager
    editor, reviewer = users.get(username="editor"), users.get(username="reviewer")
    variant = Variant(
        segment=segment,
        locale=Locale.get_default(),
        headline=words.headline,
        summary=words.summary,
        call_to_action=words.call_to_action,
        expire_at=timezone.now() + timedelta(days=words.days) if words.days else None,
        requested_by=editor,
        live=False,
        has_unpublished_changes=True,
        **source,
    )
    original = source_of(variant)
    variant.source_hash, variant.source_words = original.digest, original.words
    variant.full_clean()
    variant.save()
    variant.save_revision(user=editor)
    services.submit_variant(variant=check_variant(variant=variant), user=editor)
    if words.approves:
        state = Variant.objects.get(pk=variant.pk).current_workflow_task_state
        reviewing.approve(task_state=state, user=reviewer, comment="Says what the article says.")
    return True


def _source(words: Written) -> dict[str, Any]:
    if words.slot:
        return {"slot": Slot.objects.get(key=words.slot)}
    return {"item": _item(words.slug)}


def _item(slug: str) -> Item:
    page = ArticlePage.objects.get(slug=slug, locale=Locale.get_default())
    return Item.objects.get(key=f"page:{page.pk}")
