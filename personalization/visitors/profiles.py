"""The arithmetic of a profile: sums that halve every ``profile_half_life_days``; nothing here touches the database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from personalization import conf
from personalization.visitors.models import Profile

MOST_TAGS = 200
MOST_SHOWN = 500
MOST_DISMISSED = 500
MOST_DWELL_MS = 60_000

VectorOf = Callable[[str], np.ndarray | None]


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One event as a profile sees it: an item's vector is centred and of unit length, or None."""

    kind: str
    item_key: str
    weight: float
    at: datetime
    vector: np.ndarray | None = None
    tags: tuple[str, ...] = ()
    value: float | None = None
    device: str = ""


def weight_of(kind: str, duration_ms: int | None = None) -> float:
    """How much one event of a kind says; a dwell counts in full after a minute, in proportion before."""
    weight = conf.get().event_weights.get(kind, 0.0)
    return weight * min(duration_ms or 0, MOST_DWELL_MS) / MOST_DWELL_MS if kind == "dwell" else weight


def decay(seconds: float | np.ndarray) -> float | np.ndarray:
    """What is left of a weight after some seconds: one half after each half-life."""
    return 2.0 ** (-np.maximum(seconds, 0.0) / (conf.get().profile_half_life_days * conf.DAY))


def interest_of(profile: Profile) -> np.ndarray | None:
    """The decayed sum of item vectors as of ``updated_at``, float32, shape (dimensions,); None when there is none."""
    return np.frombuffer(profile.interest, dtype=np.float32) if profile.interest else None


def top_tags(profile: Profile, now: datetime, n: int) -> list[tuple[str, float]]:
    """The tags the visitor leans to, strongest first, with their affinity as of now."""
    factor = float(decay((now - profile.updated_at).total_seconds()))
    ranked = sorted(profile.tags.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(tag, affinity * factor) for tag, affinity in ranked[:n]]


def recent_items(profile: Profile, n: int | None = None) -> list[tuple[str, float, float]]:
    """The latest items as (key, weight, epoch seconds), newest first."""
    return [(key, weight, at) for key, weight, at in reversed(profile.recent)][:n]


def fold(
    profile: Profile, signals: Sequence[Signal], *, embedding_model: str, vector_of: VectorOf | None = None
) -> None:
    """Add signals to a profile in memory, in any order of time.

    A profile learned with another embedding model is first relearned from its recent items, whose vectors
    `vector_of` looks up, for vectors of two models must not be added.
    """
    ordered = sorted(signals, key=lambda signal: signal.at)
    if not ordered:
        return
    if embedding_model != profile.embedding_model:
        _relearn(profile, embedding_model, vector_of)
    _move_to(profile, ordered[-1].at)
    for signal in ordered:
        _count(profile, signal)
    read = [signal for signal in ordered if signal.weight > 0]
    if read:
        ages = np.array([(profile.updated_at - signal.at).total_seconds() for signal in read])
        weights = decay(ages) * [signal.weight for signal in read]
        _add_interest(profile, read, weights)
        _add_tags(profile, read, weights)
        _add_recent(profile, read)
        profile.frequency += float(np.sum(decay(ages)))
        profile.last_interaction_at = max(filter(None, [profile.last_interaction_at, read[-1].at]))


def merge(into: Profile, other: Profile) -> None:
    """Add one profile to another in memory; they are as if all had happened to one visitor."""
    _move_to(into, other.updated_at)
    factor = float(decay((into.updated_at - other.updated_at).total_seconds()))
    mine, theirs = interest_of(into), interest_of(other)
    if theirs is not None and (mine is None or other.embedding_model == into.embedding_model):
        _store_interest(into, theirs * factor + (0 if mine is None else mine))
        into.interest_weight += other.interest_weight * factor
        into.embedding_model = other.embedding_model
    for tag, affinity in other.tags.items():
        into.tags[tag] = into.tags.get(tag, 0.0) + affinity * factor
    into.tags = _strongest(into.tags, MOST_TAGS)
    into.recent = _merge_recent(into.recent, other.recent)
    for name in ("shown", "counts"):
        ours = getattr(into, name)
        ours.update({key: ours.get(key, 0) + number for key, number in getattr(other, name).items()})
    into.shown = _newest(into.shown, MOST_SHOWN)
    into.dismissed = _merge_dismissed(into.dismissed, other.dismissed)
    into.frequency += other.frequency * factor
    into.value += other.value
    into.last_interaction_at = max(filter(None, [into.last_interaction_at, other.last_interaction_at]), default=None)
    into.device = into.device or other.device
    into.returns = into.returns or other.returns


def _is_new(profile: Profile) -> bool:
    return not profile.counts


def _move_to(profile: Profile, at: datetime) -> None:
    """Let the sums decay until `at`. A new profile takes its clock from its first signals, however old they are."""
    if _is_new(profile):
        profile.updated_at = at
        return
    if at <= profile.updated_at:
        return
    factor = float(decay((at - profile.updated_at).total_seconds()))
    interest = interest_of(profile)
    if interest is not None:
        _store_interest(profile, interest * factor)
    profile.interest_weight *= factor
    profile.frequency *= factor
    profile.tags = {tag: affinity * factor for tag, affinity in profile.tags.items()}
    profile.updated_at = at


def _relearn(profile: Profile, embedding_model: str, vector_of: VectorOf | None) -> None:
    profile.embedding_model, profile.interest, profile.interest_weight = embedding_model, None, 0.0
    if vector_of is None or not profile.recent:
        return
    found = [(weight, at, vector_of(key)) for key, weight, at in profile.recent]
    found = [entry for entry in found if entry[2] is not None]
    if found:
        ages = profile.updated_at.timestamp() - np.array([at for _weight, at, _vector in found])
        weights = decay(ages) * [weight for weight, _at, _vector in found]
        _store_interest(profile, weights @ np.stack([vector for _weight, _at, vector in found]))
        profile.interest_weight = float(weights.sum())


def _count(profile: Profile, signal: Signal) -> None:
    profile.counts[signal.kind] = profile.counts.get(signal.kind, 0) + 1
    profile.device = signal.device or profile.device
    profile.value += signal.value or 0.0 if signal.kind == "conversion" else 0.0
    if signal.kind == "impression":
        # Taken out first, so that the dictionary stays in the order of the last impression.
        profile.shown[signal.item_key] = profile.shown.pop(signal.item_key, 0) + 1
        profile.shown = _newest(profile.shown, MOST_SHOWN)
    elif signal.weight > 0:
        profile.shown.pop(signal.item_key, None)
    if signal.kind in ("dismiss", "like"):
        _dismiss_or_like(profile, signal)
    if signal.kind == "conversion" and (expected := profile.returns.get("conversion")):
        # Who has just bought is not due to buy until the night's forecast says so again.
        expected["last"] = max(expected["last"], round(signal.at.timestamp(), 3))


def _dismiss_or_like(profile: Profile, signal: Signal) -> None:
    """“Not interested” holds until a later like takes it back."""
    at, key = round(signal.at.timestamp(), 3), signal.item_key
    if signal.kind == "dismiss":
        profile.dismissed = _merge_dismissed(profile.dismissed, {key: at})
    elif profile.dismissed.get(key, at) <= at:
        profile.dismissed.pop(key, None)


def _merge_dismissed(old: dict[str, float], added: dict[str, float]) -> dict[str, float]:
    latest = old | {key: max(at, old.get(key, at)) for key, at in added.items()}
    return _newest(dict(sorted(latest.items(), key=lambda pair: pair[1])), MOST_DISMISSED)


def _add_interest(profile: Profile, read: list[Signal], weights: np.ndarray) -> None:
    # A row of zeros is an item that has no embedding yet: it says nothing, and must not weigh anything.
    known = [index for index, signal in enumerate(read) if signal.vector is not None and signal.vector.any()]
    if not known:
        return
    added = weights[known] @ np.stack([read[index].vector for index in known])
    interest = interest_of(profile)
    _store_interest(profile, added if interest is None else interest + added)
    profile.interest_weight += float(weights[known].sum())


def _add_tags(profile: Profile, read: list[Signal], weights: np.ndarray) -> None:
    for signal, weight in zip(read, weights.tolist(), strict=True):
        for tag in signal.tags:
            profile.tags[tag] = profile.tags.get(tag, 0.0) + weight
    profile.tags = _strongest(profile.tags, MOST_TAGS)


def _add_recent(profile: Profile, read: list[Signal]) -> None:
    added = [[signal.item_key, signal.weight, signal.at.timestamp()] for signal in read if signal.item_key]
    profile.recent = _merge_recent(profile.recent, added)


def _merge_recent(old: list[list], added: list[list]) -> list[list]:
    """One entry for each item, at its last time, with the decayed sum of its weights; the latest are kept."""
    entries: dict[str, list] = {}
    for key, weight, at in sorted([*old, *added], key=lambda entry: entry[2]):
        before = entries.pop(key, None)
        carried = before[1] * float(decay(at - before[2])) if before else 0.0
        entries[key] = [key, round(weight + carried, 6), round(at, 3)]
    return list(entries.values())[-conf.get().profile_recent_items :]


def _store_interest(profile: Profile, interest: np.ndarray) -> None:
    profile.interest = interest.astype(np.float32).tobytes()


def _strongest(amounts: dict[str, float], n: int) -> dict[str, float]:
    return amounts if len(amounts) <= n else dict(sorted(amounts.items(), key=lambda pair: -pair[1])[:n])


def _newest(amounts: dict[str, Any], n: int) -> dict[str, Any]:
    return amounts if len(amounts) <= n else dict(list(amounts.items())[-n:])


def as_plain(profile: Profile) -> dict[str, object]:
    """Everything a profile holds, in words and numbers a person can read."""
    interest = interest_of(profile)
    return {
        "updated_at": profile.updated_at.astimezone(UTC).isoformat(),
        "embedding_model": profile.embedding_model,
        "interest": None if interest is None else [round(float(number), 6) for number in interest],
        "interest_weight": profile.interest_weight,
        "recent": profile.recent,
        "tags": profile.tags,
        "shown": profile.shown,
        "dismissed": profile.dismissed,
        "counts": profile.counts,
        "frequency": profile.frequency,
        "value": profile.value,
        "last_interaction_at": profile.last_interaction_at and profile.last_interaction_at.astimezone(UTC).isoformat(),
        "device": profile.device,
        "returns": profile.returns,
    }
