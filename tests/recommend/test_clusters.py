"""Groups of visitors: found where there are some, named by what sets them apart, the same every time."""

import numpy as np
import pytest

from personalization.recommend.clusters import discover, nearest, shares_of

TOPICS = {
    "space": ("moon", "mars", "rocket"),
    "kitchen": ("bread", "soup", "cheese"),
    "garden": ("seed", "hedge", "bee"),
}


def reader(topic: str, random: np.random.Generator) -> dict[str, float]:
    """Mostly of one topic, a little of everything, the same thing more or less often."""
    amounts = {tag: float(random.gamma(4.0)) for tag in TOPICS[topic]}
    others = {tag: float(random.gamma(0.2)) for name, tags in TOPICS.items() if name != topic for tag in tags}
    busy = random.gamma(2.0) + 0.1
    return {tag: amount * busy for tag, amount in (amounts | others).items()}


@pytest.fixture(scope="module")
def readers() -> tuple[list[str], list[dict[str, float]]]:
    random = np.random.default_rng(3)
    topics = ["space"] * 60 + ["kitchen"] * 40 + ["garden"] * 30
    random.shuffle(topics)
    return topics, [reader(topic, random) for topic in topics]


def test_the_number_of_groups_and_their_members_are_found(readers):
    topics, tastes = readers
    found = discover(tastes)
    assert [len(cluster.members) for cluster in found] == [60, 40, 30]
    for cluster, topic in zip(found, ("space", "kitchen", "garden"), strict=True):
        assert {topics[member] for member in cluster.members} == {topic}
        assert set(cluster.tags) == set(TOPICS[topic])


def test_every_member_is_nearest_to_its_own_centroid(readers):
    _topics, tastes = readers
    found = discover(tastes)
    centroids = [cluster.centroid for cluster in found]
    for number, cluster in enumerate(found):
        assert {nearest(tastes[member], centroids) for member in cluster.members} == {number}


def test_the_same_seed_gives_the_same_groups_whatever_the_seed(readers):
    _topics, tastes = readers
    assert discover(tastes, seed=5) == discover(tastes, seed=5)
    assert [cluster.tags for cluster in discover(tastes, seed=5)] == [cluster.tags for cluster in discover(tastes)]


def test_who_has_no_taste_belongs_to_no_group(readers):
    _topics, tastes = readers
    found = discover([{}, *tastes, {"moon": 0.0}])
    assert sum(len(cluster.members) for cluster in found) == len(tastes)
    assert {0, len(tastes) + 1}.isdisjoint(member for cluster in found for member in cluster.members)
    assert nearest({}, [{"moon": 1.0}]) is None
    assert nearest({"moon": 1.0}, []) is None


def test_small_groups_are_not_told_apart(readers):
    _topics, tastes = readers
    found = discover(tastes, smallest=35)
    assert all(len(cluster.members) >= 35 for cluster in found)
    assert discover(tastes, smallest=len(tastes)) == []


def test_where_all_read_alike_there_are_no_groups():
    random = np.random.default_rng(0)
    tags = [f"tag{number}" for number in range(30)]
    assert discover([dict(zip(tags, random.dirichlet(np.full(30, 50.0)), strict=True)) for _ in range(200)]) == []
    assert discover([{"moon": 1.0}] * 200) == []


def test_shares_leave_out_what_is_not_positive():
    assert shares_of({"moon": 1.0, "tea": 0.0, "rain": -1.0}) == {"moon": 1.0}
    assert shares_of({}) == {}
