"""What kind of visitor each one is, as training is told: the words that serving would use."""

import pytest
from django.utils import timezone

from personalization.catalog import snapshot
from personalization.recommend.data import Interactions
from personalization.slots.context import ServingContext
from personalization.training.segments import with_segments
from personalization.visitors.models import Profile, Segment, Visitor
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db


def make_reader(*items: str, tags: dict[str, float] | None = None, **consent) -> Visitor:
    visitor = make_visitor(**consent)
    now = timezone.now().timestamp()
    Profile.objects.create(visitor=visitor, recent=[[key, 1.0, now] for key in items], tags=tags or {})
    return visitor


def make_segment(key: str, *rules: tuple) -> None:
    segment = Segment(key=key, name=key, live=True)
    segment.rules = list(rules)
    segment.save()


def test_the_words_of_training_are_those_of_serving():
    for locale in ("en", "fr"):
        make_item(f"story-{locale}", locale=locale)
    make_item("another-fr", locale="fr")
    make_segment("noon", ("hours", {"begin": "00:00", "end": "23:59"}))
    make_segment("spacefarers", ("tag", {"tag": "space", "share": 50}))
    spacefarer = make_reader("story-en", tags={"space": 1.0})
    french = make_reader("story-en", "story-fr", "another-fr")
    unknown = make_reader("gone")
    keys = [visitor.key for visitor in (spacefarer, french, unknown)]
    told = with_segments(Interactions.from_rows(keys, list("xyz"), [1.0, 2.0, 3.0]), snapshot.current())
    words = dict(zip(told.visitor_ids, told.segments, strict=True))
    assert [words[key] for key in keys] == ["spacefarers", "fr", ""]
    served = [ServingContext.for_preview(visitor_key=key, locale="fr") for key in keys[:2]]
    assert [context.history.segment for context in served] == ["spacefarers", "fr"]
    assert [context.history.now for context in served] == [context.now.timestamp() for context in served]


def test_of_who_does_not_allow_it_no_segment_is_told():
    make_item("story", locale="en")
    make_segment("spacefarers", ("tag", {"tag": "space", "share": 50}))
    refusing = make_reader("story", tags={"space": 1.0}, personalization=False)
    seen = Interactions.from_rows([refusing.key], ["story"], [1.0])
    assert with_segments(seen, snapshot.current()).segments == ("",)
