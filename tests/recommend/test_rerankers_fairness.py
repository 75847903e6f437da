"""Attention that is shared fairly over many lists, items that are tried out, and what was ignored."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.recommend import rerankers as r

GROUPS = "abcde"
seeds = st.integers(0, 2**32 - 1)


def share(lists, shares, tolerance, k=4):
    """Run lists of groups, best first, through one ledger."""
    exposure, kept = r.Exposure(), []
    for groups in lists:
        fair = r.fair_exposure(np.arange(len(groups)), groups, shares, r.discounts(k), exposure, tolerance)
        exposure = fair.exposure
        kept.append(fair.kept)
    return exposure, kept


@given(
    st.lists(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=8), max_size=60),
    st.fixed_dictionaries(dict.fromkeys(GROUPS, st.floats(0, 10))),
    st.floats(0, 1),
)
def test_no_group_ever_lacks_more_than_is_guaranteed(lists, shares, tolerance):
    exposure, kept = share(lists, shares, tolerance)
    for group, due in exposure.due.items():
        assert exposure.given.get(group, 0.0) >= (1 - tolerance) * due - (len(GROUPS) - 1) - 1e-6
    assert all(0 < part <= 1 + 1e-9 for part in kept)


@settings(max_examples=20)
@given(seeds, st.lists(st.floats(0.1, 5), min_size=5, max_size=5), st.sampled_from([0.0, 0.1, 0.3]))
def test_shares_come_near_their_targets_over_many_lists_even_against_the_ranking(seed, amounts, tolerance):
    """The ranking always prefers the first groups; each group has items in every list."""
    rng = np.random.default_rng(seed)
    shares = dict(zip(GROUPS, amounts, strict=True))
    lists = [sorted([*GROUPS, *rng.choice(list(GROUPS), size=15)] + list(GROUPS) * 3) for _ in range(300)]
    exposure, _kept = share(lists, shares, tolerance)
    total = sum(exposure.given.values())
    for group in GROUPS:
        target = shares[group] / sum(amounts)
        assert exposure.given.get(group, 0) / total >= (1 - tolerance) * target - 4 / total
        assert exposure.given.get(group, 0) / total <= target + tolerance + 16 / total


def test_the_ranking_is_kept_where_it_is_fair_enough():
    fair = r.fair_exposure([7, 8, 9], "aab", {"a": 1, "b": 1}, r.discounts(2), tolerance=1)
    assert (fair.ranked.tolist(), fair.forced.tolist(), fair.kept) == ([7, 8], [False, False], 1)
    strict = r.fair_exposure([7, 8, 9], "aab", {"a": 1, "b": 1}, r.discounts(2), tolerance=0)
    assert strict.ranked.tolist() == [7, 9]
    assert strict.forced.tolist() == [False, True]
    assert strict.kept < 1


def test_less_tolerance_costs_more_relevance():
    lists = [list("aaaaaaaabbbb")] * 100
    parts = [np.mean(share(lists, {"a": 1, "b": 1}, tolerance)[1]) for tolerance in (1, 0.5, 0.2, 0)]
    assert parts == sorted(parts, reverse=True)
    assert parts[0] == 1
    assert parts[-1] > 0.7


def test_a_group_without_items_is_owed_nothing():
    exposure, _kept = share([list("aaa")] * 50, {"a": 1, "b": 9}, 0)
    assert exposure.due.get("b", 0) == 0
    assert exposure.ratio("a") == pytest.approx(1)
    later = r.fair_exposure(range(4), "aaab", {"a": 1, "b": 9}, r.discounts(2), exposure, tolerance=0)
    assert later.ranked.tolist() == [3, 0], "it gets its due from now on, and no more"


@given(st.permutations(range(6)), st.integers(0, 8))
def test_a_fair_list_is_some_of_the_items_once_and_groups_keep_their_order(ranked, k):
    groups = [GROUPS[item % 3] for item in ranked]
    fair = r.fair_exposure(ranked, groups, {"a": 1, "b": 2}, r.discounts(k), tolerance=0)
    chosen = fair.ranked.tolist()
    assert len(chosen) == len(set(chosen)) == len(fair.forced) == min(k, 6)
    for group in GROUPS[:3]:
        own = [item for item, name in zip(ranked, groups, strict=True) if name == group]
        listed = [item for item in chosen if item in own]
        assert listed == own[: len(listed)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"groups": "a"}, "group for each"),
        ({"shares": {"a": -1}}, "Shares"),
        ({"tolerance": 1.1}, "tolerance"),
        ({"weights": [0.0]}, "weight of a place"),
        ({"weights": [1.5]}, "weight of a place"),
    ],
)
def test_senseless_fairness_is_refused(changes, words):
    facts = {"ranked": [1, 2], "groups": "ab", "shares": {"a": 1}, "weights": [1.0], "tolerance": 0.2}
    with pytest.raises(ValueError, match=words):
        r.fair_exposure(**facts | changes)


@given(st.lists(st.integers(0, 99), unique=True, max_size=15), st.integers(0, 8), st.floats(0, 1), seeds)
def test_exploring_fills_the_same_places_with_different_items(ranked, k, epsilon, seed):
    shown = r.explore_epsilon(ranked, k, epsilon, np.random.default_rng(seed))
    chosen = shown.ranked.tolist()
    assert len(chosen) == len(set(chosen)) == min(k, len(ranked))
    assert set(chosen) <= set(ranked)
    tail = set(ranked[k:])
    assert [item in tail for item in chosen] == shown.explored.tolist()
    head = [item for item in chosen if item not in tail]
    assert head == ranked[: len(head)]
    assert ((shown.propensities > 0) & (shown.propensities <= 1)).all()


@given(st.lists(st.integers(0, 99), unique=True, max_size=15), st.integers(0, 8), seeds)
def test_who_explores_nothing_changes_nothing_and_who_explores_all_shows_the_tail(ranked, k, seed):
    nothing = r.explore_epsilon(ranked, k, 0.0, np.random.default_rng(seed))
    assert nothing.ranked.tolist() == ranked[:k]
    assert nothing.propensities.tolist() == [1.0] * len(nothing.ranked)
    everything = r.explore_epsilon(ranked, k, 1.0, np.random.default_rng(seed))
    assert everything.explored.sum() == min(k, max(len(ranked) - k, 0))


def test_propensities_are_the_probabilities_of_lists():
    """All lists that can come of two places and two tail items: their probabilities are those told, and add up to 1."""
    random = np.random.default_rng(5)
    seen, told = Counter(), {}
    for _ in range(20_000):
        shown = r.explore_epsilon([1, 2, 3, 4], 2, 0.4, random)
        name = tuple(shown.ranked.tolist())
        seen[name] += 1
        told[name] = shown.propensities.prod()
    assert sum(told.values()) == pytest.approx(1)
    for name, probability in told.items():
        assert seen[name] / 20_000 == pytest.approx(probability, abs=0.015)


def test_the_same_words_draw_the_same_and_others_do_not():
    def draw(*words):
        return r.explore_epsilon(range(40), 8, 0.5, r.generator(*words)).ranked.tolist()

    assert draw("ann", "home", "1") == draw("ann", "home", "1")
    assert len({tuple(draw("ann", "home", str(hour))) for hour in range(20)}) > 10
    assert draw("ann", "home") != draw("annhome")


def test_senseless_exploration_is_refused():
    with pytest.raises(ValueError, match="share of places"):
        r.explore_epsilon([1], 1, 1.1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="more clicks"):
        r.BetaPosterior(clicks=[2], impressions=[1])
    with pytest.raises(ValueError, match="more clicks"):
        r.BetaPosterior(clicks=[2], impressions=[3, 4])
    with pytest.raises(ValueError, match="prior"):
        r.BetaPosterior(clicks=[0], impressions=[1], prior_clicks=0)


def test_a_draw_of_the_posterior_has_its_mean_and_narrows_with_evidence():
    belief = r.BetaPosterior(clicks=[1, 100], impressions=[10, 1000], prior_clicks=1, prior_misses=9)
    random = r.generator("draws")
    draws = np.array([belief.sample(random) for _ in range(4000)])
    assert draws.mean(axis=0) == pytest.approx(belief.mean, abs=0.005)
    assert draws[:, 0].std() > 3 * draws[:, 1].std()


def test_thompson_sampling_tries_the_unknown_and_settles_on_the_best():
    rates = np.array([0.05, 0.1, 0.3, 0.1])
    clicks, shown = np.zeros(4), np.zeros(4)
    random = r.generator("clicks")
    for _ in range(1500):
        belief = r.BetaPosterior(clicks, shown)
        item = r.explore_posterior(range(4), belief, 1, random)[0]
        shown[item] += 1
        clicks[item] += random.random() < rates[item]
    assert (shown > 5).all()
    assert shown[2] > 0.7 * shown.sum()
    assert r.explore_posterior([3, 1], r.BetaPosterior(clicks, shown), 5, random).tolist() in ([1, 3], [3, 1])


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=15), st.data(), st.floats(0, 5))
def test_what_was_ignored_sinks_a_little_with_each_time_and_never_more_than_the_strength(scores, data, strength):
    ignored = np.array(data.draw(st.lists(st.integers(0, 50), min_size=len(scores), max_size=len(scores))))
    lower = r.fatigue(scores, ignored, strength)
    lost = (np.array(scores) - lower) / r.spread(scores)
    assert lost[ignored == 0] == pytest.approx(0, abs=1e-9)
    assert (lost <= strength + 1e-6).all()
    again = (np.array(scores) - r.fatigue(scores, ignored + 1, strength)) / r.spread(scores)
    assert (again >= lost - 1e-6).all()
    assert r.fatigue([1.0, -1.0], [3, 0], strength)[0] == pytest.approx(1 - strength / 2)


@pytest.mark.parametrize(("ignored", "strength", "half_life"), [(-1, 1, 3), (1, -1, 3), (1, 1, 0)])
def test_senseless_fatigue_is_refused(ignored, strength, half_life):
    with pytest.raises(ValueError, match="half-life"):
        r.fatigue([1.0], [ignored], strength, half_life)
