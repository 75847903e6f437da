"""Learned weights tell apart kinds of event that speak of taste and kinds that do not."""

import numpy as np
import pytest

from personalization.recommend.data import Interactions
from personalization.recommend.weights import learn_event_weights

DAY = 86_400.0
VISITORS, ITEMS = [f"v{n:03}" for n in range(80)], [f"i{n:02}" for n in range(40)]


def part(noise, seed, n=1200):
    """Visitors turn to their own half of the items, but for a share of noise."""
    random = np.random.default_rng(seed)
    visitor = random.integers(len(VISITORS), size=n)
    own = (visitor % 2) * 20 + random.integers(20, size=n)
    item = np.where(random.random(n) < noise, random.integers(40, size=n), own)
    names = [VISITORS[row] for row in visitor], [ITEMS[column] for column in item]
    return Interactions.from_rows(*names, random.uniform(0, 60 * DAY, n), visitor_ids=VISITORS, item_ids=ITEMS)


def test_a_kind_that_is_noise_is_weighed_down():
    learned = learn_event_weights({"like": part(0.0, 1), "view": part(1.0, 2, n=1500)}, {"like": 1.0, "view": 1.0})
    assert learned["like"] == 1.0
    assert learned["view"] <= 0.25


def test_the_scale_and_what_never_happened_stay_as_configured():
    start = {"view": 2.0, "like": 4.0, "conversion": 9.0, "scroll": 0.0}
    learned = learn_event_weights({"like": part(1.0, 1), "view": part(0.0, 2)}, start)
    assert max(learned["view"], learned["like"]) == 4.0
    assert (learned["conversion"], learned["scroll"]) == (9.0, 0.0)


def test_the_same_events_teach_the_same():
    parts = {"like": part(0.3, 1), "view": part(0.6, 2)}
    first, second = (learn_event_weights(parts, {"like": 1.0, "view": 1.0}) for _ in range(2))
    assert first == second


def test_one_kind_alone_has_nothing_to_be_weighed_against():
    assert learn_event_weights({"view": part(0.0, 1)}, {"view": 1.5}) == {"view": 1.5}


def test_parts_over_other_items_are_refused():
    other = Interactions.from_rows(["v000"], ["elsewhere"], [1.0])
    with pytest.raises(ValueError, match="same visitors and items"):
        learn_event_weights({"view": part(0.0, 1), "like": other}, {"view": 1.0, "like": 1.0})
