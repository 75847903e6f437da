"""Several interests of one visitor."""

import numpy as np
import pytest

from personalization.recommend.data import History, Interactions, Items
from personalization.recommend.scorers import Content, Interests
from tests.recommend.worlds import DAY

# Three texts each about gardens and about chess, at right angles; one that is half of both; one that cannot be read.
GARDENS, CHESS, MIDDLE, BARE = [0, 1, 2], [3, 4, 5], 6, 7


@pytest.fixture(scope="module")
def world():
    turn = np.radians([0, 8, -8])
    gardens = np.column_stack([np.cos(turn), np.zeros(3), np.sin(turn)])
    chess = np.column_stack([np.zeros(3), np.cos(turn), np.sin(turn)])
    vectors = np.vstack([gardens, chess, [np.sqrt(0.5), np.sqrt(0.5), 0], np.zeros(3)]).astype(np.float32)
    ids = tuple("abcdefgh")
    seen = Interactions.from_rows(list(ids), list(ids), [0.0] * 8)
    return seen, Items(ids=ids, embeddings=vectors)


def test_a_mixed_taste_is_served_twice_and_not_in_the_middle(world):
    history = History([0, 1, 3, 4])
    mean, several = (scorer.fit(*world).score([history])[0] for scorer in (Content(), Interests()))
    assert mean.argmax() == MIDDLE
    assert several[[2, 5]].min() > several[MIDDLE]


def test_one_taste_is_the_mean_profile(world):
    history = History([0, 1])
    mean, several = (scorer.fit(*world).score([history])[0] for scorer in (Content(), Interests()))
    np.testing.assert_allclose(several, mean, atol=1e-6)


def test_the_larger_interest_comes_first_unless_all_count_the_same(world):
    history = History([0, 1, 2, 3, 4])
    scores = Interests().fit(*world).score([history])[0]
    assert scores[GARDENS].min() > scores[CHESS].max()
    even = Interests(power=0).fit(*world).score([history])[0]
    assert even[CHESS].max() == pytest.approx(even[GARDENS].max(), abs=0.02)


def test_an_old_interest_fades(world):
    times = [0.0, 0.0, 0.0, 400 * DAY, 400 * DAY]
    scores = Interests(half_life_days=100, gain=0.01).fit(*world).score([History([0, 1, 2, 3, 4], timestamps=times)])[0]
    assert scores[CHESS].min() > scores[GARDENS].max()


def test_an_interest_is_explained_by_its_own_items(world):
    scorer = Interests().fit(*world)
    explanation = scorer.explain(History([0, 1, 3, BARE, 4]), 2)
    assert {part.item for part in explanation.contributions} == {0, 1}


def test_a_visitor_has_no_more_interests_than_allowed(world):
    history = History([0, 3])
    one, two = (Interests(interests=n, power=0).fit(*world).score([history])[0] for n in (1, 2))
    assert one.argmax() == MIDDLE
    assert two[[0, 3]] == pytest.approx([1, 1])


def test_what_a_history_brings_is_used_where_nothing_was_read(world):
    scorer = Interests().fit(*world)
    brought = History([BARE], interest=[0.0, 2.0, 0.0])
    assert scorer.score([brought])[0].argmax() == 3
    assert {part.item for part in scorer.explain(brought, 3).contributions} == {None}
    with pytest.raises(ValueError, match="2 dimensions, the items 3"):
        scorer.score([History(interest=[1.0, 0.0])])
    assert not scorer.score([History([BARE])]).any()


@pytest.mark.parametrize("wrong", [{"interests": 0}, {"half_life_days": 0}, {"gain": 1.5}, {"power": -1}])
def test_senseless_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        Interests(**wrong)
