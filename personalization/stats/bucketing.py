"""Deterministic assignment by hash: the same visitor gets the same arm everywhere, with nothing stored.

The hash and the range arithmetic are those of GrowthBook's published SDK specification (hash version 2), so any other
implementation of that specification puts a visitor in the same arm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

FNV_OFFSET = 0x811C9DC5
FNV_PRIME = 0x01000193
WEIGHT_TOLERANCE = 0.01


def fnv1a32(text: str) -> int:
    """Return the 32-bit FNV-1a hash of a text, one round for each code point.

    Parameters
    ----------
    text : str
        Any text; code points above 255 are mixed in whole, as the specification's reference implementations do.

    Returns
    -------
    int
        The hash, in [0, 2**32).

    References
    ----------
    G. Fowler, L. C. Noll, K.-P. Vo, "The FNV Non-Cryptographic Hash Algorithm".

    Examples
    --------
    >>> hex(fnv1a32(""))
    '0x811c9dc5'
    >>> hex(fnv1a32("a"))
    '0xe40c292c'
    """
    value = FNV_OFFSET
    for character in text:
        value = ((value ^ ord(character)) * FNV_PRIME) & 0xFFFFFFFF
    return value


def bucket(unit: str, seed: str) -> float:
    """Place a unit on the line [0, 1), in steps of 1/10,000.

    Parameters
    ----------
    unit : str
        What is assigned, usually a visitor key.
    seed : str
        The experiment's own salt; two seeds give independent places.

    Returns
    -------
    float
        ``fnv1a32(str(fnv1a32(seed + unit))) % 10000 / 10000``.

    Notes
    -----
    The second hash breaks up the correlation that plain FNV-1a leaves between seeds that differ in one character.

    Examples
    --------
    >>> bucket("a", "seed")
    0.0505
    """
    return fnv1a32(str(fnv1a32(seed + unit))) % 10000 / 10000


def bucket_ranges(weights: Sequence[float], coverage: float = 1.0) -> list[tuple[float, float]]:
    """Cut the line [0, 1) into one range for each arm.

    Parameters
    ----------
    weights : sequence of float
        Share of each arm. Weights that do not sum to 1 (within 0.01) are replaced by equal ones.
    coverage : float
        Share of the traffic that takes part, clipped to [0, 1].

    Returns
    -------
    list of (float, float)
        ``[start, end)`` for each arm. An arm's start does not depend on `coverage`: raising it only lengthens every
        range, so nobody who takes part already changes arm.

    Raises
    ------
    ValueError
        If a weight is negative or a number is not finite.

    Examples
    --------
    >>> bucket_ranges([0.5, 0.5], coverage=0.5)
    [(0.0, 0.25), (0.5, 0.75)]
    """
    if not math.isfinite(coverage) or not all(math.isfinite(w) and w >= 0 for w in weights):
        raise ValueError("Weights must be finite and not negative, and the coverage finite.")
    if weights and abs(math.fsum(weights) - 1) > WEIGHT_TOLERANCE:
        weights = [1 / len(weights)] * len(weights)
    coverage = min(max(coverage, 0.0), 1.0)
    ranges, start = [], 0.0
    for weight in weights:
        ranges.append((start, start + coverage * weight))
        start += weight
    return ranges


def choose(n: float, ranges: Sequence[tuple[float, float]]) -> int | None:
    """Return the arm whose range holds a place on the line.

    Parameters
    ----------
    n : float
        A place in [0, 1), as `bucket` gives.
    ranges : sequence of (float, float)
        ``[start, end)`` of each arm, as `bucket_ranges` gives.

    Returns
    -------
    int or None
        Index of the first arm with ``start <= n < end``; None when the unit takes no part.

    Examples
    --------
    >>> choose(0.6, [(0.0, 0.25), (0.5, 0.75)])
    1
    >>> choose(0.3, [(0.0, 0.25), (0.5, 0.75)]) is None
    True
    """
    for arm, (start, end) in enumerate(ranges):
        if start <= n < end:
            return arm
    return None


def in_namespace(unit: str, namespace: str, start: float, end: float) -> bool:
    """Tell whether a unit falls in an experiment's share of a namespace.

    Parameters
    ----------
    unit : str
        What is assigned, usually a visitor key.
    namespace : str
        Name shared by experiments that must not overlap.
    start, end : float
        The experiment's share, ``[start, end)`` within [0, 1].

    Returns
    -------
    bool
        True when ``start <= fnv1a32(unit + "__" + namespace) % 1000 / 1000 < end``.

    Notes
    -----
    The specification keeps its first hash version here, so that namespaces stay independent of the arms' buckets.

    Examples
    --------
    >>> in_namespace("1", "namespace1", 0.4, 1)
    True
    """
    return start <= fnv1a32(f"{unit}__{namespace}") % 1000 / 1000 < end
