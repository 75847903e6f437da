"""Synthetic visitors: every rule holds for scorers that keep it, and a scorer that breaks one is found out."""

import numpy as np
import pytest

from personalization.recommend.data import History, Items
from personalization.recommend.edge_cases import simulate
from personalization.recommend.scorers import Content, Ease, Hybrid, ItemKnn, Popular
from tests.recommend.worlds import two_tastes


@pytest.fixture(scope="module")
def world():
    interactions, items = two_tastes()
    tags = [("first" if n < 8 else "second",) for n in range(len(items.ids))]
    return interactions, Items(items.ids, embeddings=items.embeddings, mean=items.mean, tags=tuple(tags))


def test_no_rule_is_broken_by_a_blend(world):
    interactions, items = world
    members = {"popular": Popular(), "content": Content(), "ease": Ease(), "item_knn": ItemKnn()}
    cases = simulate(Hybrid(members, dict.fromkeys(members, 0.25)).fit(interactions, items), items, k=5)
    assert {case.name: case.broken for case in cases if case.broken} == {}
    by_name = {case.name: case for case in cases}
    assert len(cases) == 10
    assert by_name["nothing read"].events == 0
    assert len(by_name["everything but one item"].items) == 1
    assert len(by_name["one item"].items) == 5


def test_one_taste_gets_its_own_and_two_get_both(world):
    interactions, items = world
    cases = {case.name: case for case in simulate(ItemKnn().fit(interactions, items), items, k=3)}
    taste = {tag for tag, _ in cases["one tag alone"].tags}
    assert len(taste) == 1
    assert cases["two tastes that contradict"].events == 10


def test_the_same_seed_asks_the_same(world):
    interactions, items = world
    scorer = Popular().fit(interactions, items)
    assert simulate(scorer, items, seed=3) == simulate(scorer, items, seed=3)


class Forgetful(Popular):
    """Says something else each time, and not always a number."""

    def _score(self, histories: list[History]) -> np.ndarray:
        scores = super()._score(histories).copy()
        self.asked = getattr(self, "asked", 0) + 1
        scores[:, self.asked % self.n_items] = np.nan if self.asked % 5 == 1 else 100 + self.asked
        return scores


def test_a_scorer_that_breaks_the_rules_is_found_out(world):
    interactions, items = world
    broken = {rule for case in simulate(Forgetful().fit(interactions), items, k=3) for rule in case.broken}
    assert broken >= {"finite", "repeatable", "explained"}
