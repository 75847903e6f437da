"""What editors think of an item moves it from the next request on, as far as training has found that visitors agree."""

from datetime import UTC, datetime

import numpy as np
import pytest
from django.utils import timezone

from personalization.catalog.models import Epoch, Item
from personalization.catalog.snapshot import current as current_catalog
from personalization.recommend.data import Interactions, Items
from personalization.recommend.features import Log, Moments, features
from personalization.recommend.scorers import Engagement, Hybrid, Popular
from personalization.slots import memory
from personalization.training import serving
from personalization.variants.judging import judge, votes_on, withdraw
from personalization.variants.models import Judgement
from tests.slots.test_versions import decide, make_version
from tests.slots.world import make_items, make_slot, make_visitor
from tests.variants.world import editor, reviewer

pytestmark = pytest.mark.django_db
DAY = 86_400.0


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_DIR": tmp_path}
    serving.forget()
    memory.forget()
    yield
    serving.forget()
    memory.forget()


@pytest.fixture
def items(site) -> list[Item]:
    make_slot(size=12, diversity=0)
    return make_items(12)


def with_opinions(items: list[Item]) -> Items:
    """The catalog as training reads it, once an editor has liked every other item, long ago."""
    for number, item in enumerate(items):
        judge(user=editor(), item=item, is_good=number % 2 == 0)
    Judgement.objects.update(judged_at=datetime(2020, 1, 1, tzinfo=UTC))
    catalog = current_catalog()
    return Items(catalog.items.ids, catalog.items.groups, votes=votes_on(catalog))


def agreeing(items: list[Item]) -> Interactions:
    """What visitors did who follow what editors like more often than what they do not."""
    random, now, groups = np.random.default_rng(1), timezone.now().timestamp(), [item.group for item in items]
    shown, times = random.integers(12, size=900), now - DAY * np.linspace(60, 1, 900)
    followed = random.random(900) < np.where(shown % 2 == 0, 0.7, 0.2)
    who, what = np.array([f"v{n % 90}" for n in range(900)]), np.array(groups)[shown]
    seen = Interactions.from_rows(
        who[followed].tolist(), what[followed].tolist(), times[followed].tolist(), item_ids=groups
    )
    return seen.with_ignored(who[~followed].tolist(), what[~followed].tolist(), times[~followed])


def test_a_thumb_counts_from_the_next_request_on(items, django_assert_max_num_queries):
    known, seen = with_opinions(items), agreeing(items)
    hybrid = Hybrid({"engagement": Engagement()}, {"engagement": 1.0}).fit(seen, known)
    version = make_version({"hybrid": hybrid}, promoted=True)
    reader = make_visitor(read=(items[0],))

    def score(item: Item) -> float:
        return {card.key: card.score for card in decide(visitor=reader).items}[item.key]

    before = score(items[5])
    assert decide(visitor=reader).model_version == f"v{version.pk}"
    withdraw(user=editor(), item=items[5])
    unjudged = score(items[5])
    judge(user=reviewer(), item=items[5], is_good=True)
    judge(user=editor(), item=items[5], is_good=True)
    assert before < unjudged < score(items[5])
    with django_assert_max_num_queries(3):
        decide(visitor=reader)


def test_serving_sees_an_item_as_training_would(items):
    known, seen = with_opinions(items), agreeing(items)
    make_version({"hybrid": Hybrid({"engagement": Engagement()}, {"engagement": 1.0}).fit(seen, known)}, promoted=True)
    judge(user=reviewer(), item=items[2], is_good=False)
    judge(user=editor(), item=items[3], is_good=True)
    held = memory.current(Epoch.objects.numbers())
    now, columns = timezone.now().timestamp() + 1, np.arange(12)
    moments = Moments(np.zeros(12, dtype=np.int64), columns, np.full(12, now))
    served = features(Log([], [], []), moments, held.scorer("engagement")._shelf).column("opinion")
    votes = {
        item.key: [1 if good else -1 for good in item.judgements.values_list("is_good", flat=True)] for item in items
    }
    expected = [sum(votes[key]) / (len(votes[key]) + 2) for key in held.items.ids]
    assert served == pytest.approx(expected)
    assert served[:4] == pytest.approx([1 / 3, -1 / 3, 0, 1 / 3])


def test_a_model_that_does_not_listen_to_editors_is_not_prepared_anew(items):
    seen = agreeing(items)
    make_version({"hybrid": Hybrid({"popular": Popular()}, {"popular": 1.0}).fit(seen)}, promoted=True)
    held = memory.current(Epoch.objects.numbers())
    judge(user=editor(), item=items[0], is_good=True)
    renewed = memory.current(Epoch.objects.numbers())
    assert len(renewed.items.votes) == 1
    assert len(held.items.votes) == 0
    assert renewed.scorer("hybrid") is held.scorer("hybrid")


def test_a_version_beside_the_promoted_one_listens_too(items):
    known, seen = with_opinions(items), agreeing(items)
    make_version({"hybrid": Hybrid({"popular": Popular()}, {"popular": 1.0}).fit(seen)}, promoted=True)
    beside = make_version({"hybrid": Hybrid({"engagement": Engagement()}, {"engagement": 1.0}).fit(seen, known)})
    for expected in (12, 13):
        held = memory.current(Epoch.objects.numbers(), beside.pk)
        assert len(held.scorer("engagement")._shelf.votes) == expected
        judge(user=reviewer(), item=items[0], is_good=True)
