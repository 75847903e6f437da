"""Two versions side by side: two visitors, the same page, two orders - and what happens between trainings."""

import threading

import numpy as np
import pytest
from django.utils import timezone

from personalization.catalog.models import Epoch, Item
from personalization.catalog.snapshot import current as current_catalog
from personalization.recommend.data import Interactions
from personalization.recommend.scorers import Content, Ease, Hybrid, Popular, Scorer
from personalization.slots import memory
from personalization.slots.context import ServingContext
from personalization.slots.decision import Decision
from personalization.slots.serve import serve
from personalization.training import serving
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.services import promote
from personalization.training.storage import write_artifact
from personalization.visitors.models import Profile
from tests.slots.world import make_item, make_items, make_slot, make_visitor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_DIR": tmp_path}
    serving.forget()
    memory.forget()
    yield
    serving.forget()
    memory.forget()


def make_version(scorers: dict[str, Scorer], *, promoted: bool = False) -> ModelVersion:
    run = TrainingRun.objects.create(status="succeeded", artifact=f"artifact-{TrainingRun.objects.count():04d}")
    digest = write_artifact(run.artifact, scorers)
    version = ModelVersion.objects.create(run=run, artifact=run.artifact, digest=digest)
    return promote(version=version) if promoted else version


def liking(items: list[Item], favourites: list[int]) -> dict[str, Scorer]:
    """Scorers of a world in which the favourites are read in this order of frequency."""
    readers = [(f"v{n}", items[row].group) for place, row in enumerate(favourites) for n in range(20 - 5 * place)]
    visitors, groups = zip(*readers, strict=True)
    seen = Interactions.from_rows(
        visitors, groups, [timezone.now().timestamp()] * len(groups), item_ids=[item.group for item in items]
    )
    return {"hybrid": Hybrid({"popular": Popular()}, {"popular": 1.0}).fit(seen), "popular": Popular().fit(seen)}


def decide(*, visitor=None, version: ModelVersion | None = None) -> Decision:
    context = ServingContext.for_preview(
        visitor_key=visitor and visitor.key, locale="en", model_version=version and version.pk
    )
    return serve(["home-top"], context)[0]


def numbers(decision: Decision) -> list[int]:
    return [int(item.title.split()[1]) for item in decision.items]


def test_two_visitors_of_two_versions_see_two_orders():
    items = make_items(12)
    make_slot(size=2, diversity=0)
    champion = make_version(liking(items, [2, 3, 5]), promoted=True)
    challenger = make_version(liking(items, [7, 6, 3]))
    ann, bob = make_visitor(read=(items[0],)), make_visitor(read=(items[0],))
    of_ann, of_bob = decide(visitor=ann, version=champion), decide(visitor=bob, version=challenger)
    assert (numbers(of_ann), of_ann.model_version) == ([2, 3], f"v{champion.pk}")
    assert (numbers(of_bob), of_bob.model_version) == ([7, 6], f"v{challenger.pk}")
    assert numbers(decide(visitor=bob)) == [2, 3]


def test_both_versions_are_held_between_requests(django_assert_max_num_queries):
    items = make_items(12)
    make_slot(size=2, diversity=0)
    make_version(liking(items, [2, 3, 5]), promoted=True)
    challenger = make_version(liking(items, [7, 6, 3]))
    ann = make_visitor(read=(items[0],))
    for version in (None, challenger):
        decide(visitor=ann, version=version)
    for version in (None, challenger):
        with django_assert_max_num_queries(3):
            decide(visitor=ann, version=version)


def test_a_version_that_is_gone_leaves_its_visitors_to_the_promoted_one():
    items = make_items(12)
    make_slot(size=2, diversity=0)
    promoted = make_version(liking(items, [2, 3, 5]), promoted=True)
    gone = make_version(liking(items, [7, 6, 3]))
    ModelVersion.objects.filter(pk=gone.pk).update(artifact="")
    decision = decide(visitor=make_visitor(read=(items[0],)), version=gone)
    assert (numbers(decision), decision.model_version) == ([2, 3], f"v{promoted.pk}")


def test_a_change_of_the_catalog_reaches_both_versions():
    items = make_items(12)
    make_slot(size=2, diversity=0)
    make_version(liking(items, [2, 3, 5]), promoted=True)
    challenger = make_version(liking(items, [7, 6, 3]))
    visitor = make_visitor(read=(items[0],))
    assert numbers(decide(visitor=visitor, version=challenger))[0] == 7
    Item.objects.filter(pk=items[7].pk).update(live=False, epoch=Epoch.objects.advance("catalog"))
    assert numbers(decide(visitor=visitor, version=challenger))[0] == 6


def trained_on_tastes(items: list[Item]) -> dict[str, Scorer]:
    """Scorers that have learned from visitors of one topic each, texts included."""
    random = np.random.default_rng(3)
    rows = [
        (f"v{n}", items[int(row)].group)
        for n in range(60)
        for row in random.choice(np.arange(n % 4, len(items), 4), 3, replace=False)
    ]
    visitors, groups = zip(*rows, strict=True)
    seen = Interactions.from_rows(visitors, groups, range(len(groups)), item_ids=[item.group for item in items])
    members = {"popular": Popular(), "content": Content(), "ease": Ease()}
    weights = {"popular": 0.1, "content": 0.3, "ease": 0.6}
    return {"hybrid": Hybrid(members, weights).fit(seen, current_catalog().items)}


def test_what_is_published_after_training_is_recommended_without_another_training():
    items = make_items(24)
    make_slot(size=8, diversity=0)
    make_version(trained_on_tastes(items), promoted=True)
    gardener = make_visitor(read=(items[2], items[6]))
    before = decide(visitor=gardener)
    assert before.reason == "hybrid"
    new = make_item(30, topic="gardens")
    after = decide(visitor=gardener)
    assert after.reason == "hybrid"
    assert new.key in {item.key for item in after.items}
    assert new.key not in {item.key for item in before.items}


def test_a_first_click_changes_what_a_new_visitor_gets():
    items = make_items(24)
    make_slot(size=4, diversity=0)
    make_version(trained_on_tastes(items), promoted=True)
    newcomer = make_visitor()
    before = decide(visitor=newcomer)
    assert before.reason != "hybrid"
    Profile.objects.filter(visitor=newcomer).update(recent=[[items[1].key, 1.0, timezone.now().timestamp()]])
    after = decide(visitor=newcomer)
    assert after.reason == "hybrid"
    assert {item.title.split()[0] for item in after.items} == {"Food"}


def test_while_one_request_prepares_a_new_model_others_go_on_with_the_old(monkeypatch):
    items = make_items(12)
    make_slot(size=2, diversity=0)
    old = make_version(liking(items, [2, 3, 5]), promoted=True)
    visitor = make_visitor(read=(items[0],))
    decide(visitor=visitor)
    new = make_version(liking(items, [7, 6, 3]), promoted=True)
    epochs = Epoch.objects.numbers()
    preparing, release = threading.Event(), threading.Event()
    warm_up = memory.Memory.warm_up

    def prepare_slowly(held: memory.Memory) -> memory.Memory:
        preparing.set()
        release.wait(5)
        return warm_up(held)

    monkeypatch.setattr(memory.Memory, "warm_up", prepare_slowly)
    serving.promoted(epochs["model"])
    preparer = threading.Thread(target=memory.current, args=(epochs,))
    preparer.start()
    assert preparing.wait(5)
    assert memory.current(epochs).bundle.version_id == old.pk
    release.set()
    preparer.join(5)
    assert memory.current(epochs).bundle.version_id == new.pk
