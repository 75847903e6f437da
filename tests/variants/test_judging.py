"""What editors think of drafts and recommendations, from the thumb to prompts, reports and training."""

import numpy as np
import pytest
from wagtail.models import Locale

from personalization.catalog import snapshot
from personalization.catalog.models import Epoch, Item
from personalization.training.dataset import read_dataset
from personalization.variants.asking import GenerationPart, GenerationRequest, PromptTemplate
from personalization.variants.judging import (
    commented,
    judge,
    judgement_report,
    opinion_of,
    opinions_on,
    praised_examples,
    votes_on,
    withdraw,
)
from personalization.variants.models import Judgement, Variant
from tests.events.test_concurrency import at_once
from tests.slots.world import make_item, make_items
from tests.training.readers import write_history
from tests.variants.world import approved, editor, make_draft, person, reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(site):
    return make_item(1)


@pytest.fixture
def english(site):
    return Locale.objects.get(language_code="en")


def test_the_last_word_counts(item):
    first = judge(user=editor(), item=item, slot_key="home-top", is_good=True, comment=" Fits. ")
    again = judge(user=editor(), item=item, slot_key="home-top", is_good=False)
    assert Judgement.objects.get() == first == again
    assert (first.comment, again.is_good, again.comment) == ("Fits.", False, "")
    assert again.judged_at > first.judged_at
    assert opinion_of(editor(), item=item, slot_key="home-top") == again


def test_each_editor_and_each_slot_has_a_word_of_its_own(item):
    judge(user=editor(), item=item, slot_key="home-top", is_good=True)
    judge(user=editor(), item=item, slot_key="article-more", is_good=False)
    judge(user=reviewer(), item=item, slot_key="home-top", is_good=False)
    assert Judgement.objects.count() == 3
    found = opinions_on(editor(), item_keys=[item.key, "page:none"], slot_key="home-top")
    assert {key: judgement.is_good for key, judgement in found.items()} == {item.key: True}


def test_an_opinion_can_be_taken_back(item):
    judge(user=editor(), item=item, is_good=True)
    assert withdraw(user=editor(), item=item)
    assert not withdraw(user=editor(), item=item)
    assert opinion_of(editor(), item=item) is None


def test_only_what_is_said_of_items_makes_processes_read_votes_again(item):
    number = lambda: Epoch.objects.numbers().get("opinions", 0)  # noqa: E731
    draft = make_draft(item)
    before = number()
    judge(user=editor(), variant=draft, is_good=True)
    assert number() == before
    judge(user=editor(), item=item, is_good=True)
    withdraw(user=editor(), item=item)
    assert number() == before + 2


@pytest.mark.django_db(transaction=True)
def test_two_thumbs_of_one_editor_at_once_are_one(site):
    item, user = make_item(1), editor()
    told = at_once(
        *(
            lambda good=good: judge(user=user, item=item, slot_key="s", is_good=good).is_good
            for good in [True, False] * 3
        )
    )
    assert sorted(told) == [False] * 3 + [True] * 3
    assert Judgement.objects.count() == 1


def test_liked_words_become_examples_in_their_language_only(item, english):
    german = Locale.objects.create(language_code="de")
    liked, disputed, unjudged = (approved(item, headline=words) for words in ("Liked", "Disputed", "Unjudged"))
    draft, foreign = make_draft(item, headline="Draft"), approved(make_item(2), headline="Fremd", locale=german)
    for variant in (liked, disputed, draft, foreign):
        judge(user=editor(), variant=variant, is_good=True)
    judge(user=reviewer(), variant=disputed, is_good=False)
    template = PromptTemplate.objects.create(name="House")
    assert praised_examples(template, english) == [liked]
    assert praised_examples(template, german) == [foreign]
    assert unjudged not in praised_examples(template, english, limit=10)


def written_by(template: PromptTemplate, variant: Variant) -> Variant:
    request = GenerationRequest.objects.create(template=template)
    part = GenerationPart.objects.create(request=request, item=variant.item)
    Variant.objects.filter(pk=variant.pk).update(part=part)
    return variant


def test_examples_of_the_own_template_and_the_most_liked_come_first(item, english):
    house, other = (PromptTemplate.objects.create(name=name) for name in ("House", "Other"))
    own = written_by(house, approved(item, headline="Own"))
    best, good = (written_by(other, approved(item, headline=words)) for words in ("Best", "Good"))
    for variant in (own, best, good):
        judge(user=editor(), variant=variant, is_good=True)
    judge(user=reviewer(), variant=best, is_good=True)
    assert praised_examples(house, english) == [own, best, good]
    assert praised_examples(house, english, limit=2) == [own, best]


def test_thumbs_are_counted_by_model_template_and_slot(item):
    template = PromptTemplate.objects.create(name="House")
    first = written_by(template, make_draft(item, model="small"))
    second = make_draft(item, model="large")
    by_hand = make_draft(item, model="")
    judge(user=editor(), variant=first, is_good=True, comment="Lively")
    judge(user=reviewer(), variant=first, is_good=False)
    judge(user=editor(), variant=second, is_good=True)
    judge(user=editor(), variant=by_hand, is_good=True)
    judge(user=editor(), item=item, slot_key="home-top", is_good=False)
    assert judgement_report() == {
        "model": [{"name": "small", "up": 1, "down": 1}, {"name": "large", "up": 1, "down": 0}],
        "template": [{"name": "House", "up": 1, "down": 1}],
        "slot": [{"name": "home-top", "up": 0, "down": 1}],
    }
    assert [judgement.comment for judgement in commented()] == ["Lively"]


def test_a_thumb_for_a_page_is_a_vote_on_its_translations_and_thumbs_for_words_are_none(site):
    page, translation, other = make_item(1, group="page:g"), make_item(2, group="page:g", locale="de"), make_item(3)
    judge(user=editor(), item=translation, is_good=True)
    judge(user=reviewer(), item=other, slot_key="home-top", is_good=False)
    judge(user=editor(), variant=make_draft(page), is_good=False)
    catalog = snapshot.current()
    votes = votes_on(catalog)
    signs = {catalog.items.ids[row]: sign for row, sign in zip(votes.item, votes.sign, strict=True)}
    assert signs == {page.key: 1.0, translation.key: 1.0, other.key: -1.0}
    at = [Judgement.objects.get(item=one).judged_at.timestamp() for one in (translation, other)]
    assert np.unique(votes.time) == pytest.approx(at)


def test_training_reads_the_votes_and_tells_two_lots_of_data_apart():
    write_history()
    before = read_dataset()
    assert len(before.items.votes) == 0
    judged = snapshot.current().items.ids[3]
    judge(user=editor(), item=Item.objects.get(key=judged), is_good=True)
    after = read_dataset()
    assert after.items.votes.item.tolist() == [3]
    assert after.digest != before.digest


def test_an_item_that_goes_takes_its_votes_along(site):
    items = make_items(2)
    person("somebody")
    judge(user=editor(), item=items[0], is_good=True)
    judge(user=person("somebody"), item=items[1], is_good=True)
    person("somebody").delete()
    items[0].delete()
    snapshot.forget()
    assert len(votes_on(snapshot.current())) == 1
