"""Comparing like with like: the arms within each stratum, weighed by the strata's shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from personalization.stats.comparison import Comparison, Method, judge
from personalization.stats.effects import ENOUGH, Difference, Effect, Estimate, adjustment, contrast
from personalization.stats.statistics import Statistic, pool

Strata = dict[str, tuple[Statistic, Statistic]]


def stratified(
    control: Mapping[str, Statistic],
    treatment: Mapping[str, Statistic],
    *,
    shares: Literal["pooled", "control"] = "pooled",
    method: Method = "fixed",
    difference: Difference = "relative",
    alpha: float = 0.05,
    tuning: float = 5000,
    prior_mean: float = 0.0,
    prior_sd: float | None = None,
) -> Comparison:
    """Compare two arms after stratification, such as by segment.

    Parameters
    ----------
    control, treatment : mapping of str to Statistic
        Each stratum's sums, all of one kind. A stratum must be something visitors were before they were exposed.
    shares : {"pooled", "control"}
        Whose visitors give the weights of the strata.
    method, difference, alpha, tuning, prior_mean, prior_sd
        As in `compare`.

    Returns
    -------
    Comparison
        Of ``sum(w_k mean_k)`` in either arm. What differs between strata no longer counts as noise, and by chance
        uneven arms are evened out. Strata with too few visitors in an arm are taken together.

    Raises
    ------
    ValueError
        If there are no strata, or a keyword is out of its range.

    References
    ----------
    L. W. Miratrix, J. S. Sekhon, B. Yu, "Adjusting treatment effect estimates by post-stratification in randomized
    experiments", Journal of the Royal Statistical Society B 75, 2013.

    Examples
    --------
    >>> from personalization.stats.statistics import Proportion
    >>> control = {"new": Proportion(100, 1000), "loyal": Proportion(500, 1000)}
    >>> treatment = {"new": Proportion(80, 800), "loyal": Proportion(600, 1200)}
    >>> abs(round(stratified(control, treatment).effect, 12))  # more of the loyal came, nobody did more
    0.0
    """
    strata = _thick({name: _both(control.get(name), treatment.get(name)) for name in {**control, **treatment}})
    counted = {name: one.n if shares == "control" else one.n + two.n for name, (one, two) in strata.items()}
    total = sum(counted.values())
    effect = Effect(None)
    if total:
        weights = {name: n / total for name, n in counted.items()}
        arms = [Estimate.of({name: pair[arm] for name, pair in strata.items()}, weights) for arm in (0, 1)]
        theta = adjustment([statistic for pair in strata.values() for statistic in pair])
        effect = contrast(arms, (-1.0, 1.0), (1.0, 0.0), difference == "relative", theta)
    return judge(effect, method=method, alpha=alpha, tuning=tuning, prior_mean=prior_mean, prior_sd=prior_sd)


def _both(one: Statistic | None, two: Statistic | None) -> tuple[Statistic, Statistic]:
    """Put an empty statistic where an arm has nobody of a stratum."""
    known = one or two
    if known is None:
        raise ValueError("Each stratum must be seen in one arm at least.")
    return one or type(known)(), two or type(known)()


def _thick(strata: Strata) -> Strata:
    """Take strata too thin to have a variance together, and with the smallest of the others if they are still."""
    if not strata:
        raise ValueError("There must be at least one stratum.")
    ordered = sorted(strata, key=lambda name: (min(s.n for s in strata[name]), name))
    thin = [name for name in ordered if min(s.n for s in strata[name]) < ENOUGH]
    thick = ordered[len(thin) :]
    while thin and thick and min(sum(strata[name][arm].n for name in thin) for arm in (0, 1)) < ENOUGH:
        thin.append(thick.pop(0))
    rest = {" + ".join(thin): (pool(strata[n][0] for n in thin), pool(strata[n][1] for n in thin))} if thin else {}
    return {name: strata[name] for name in thick} | rest
