"""A visitor's profile as scorers read it: rows of the catalog, oldest first, and the direction of interest."""

from collections.abc import Collection
from datetime import datetime

import numpy as np

from personalization.recommend import rerankers
from personalization.recommend.data import Floats, History, Mask
from personalization.slots.memory import Memory
from personalization.slots.pools import translations
from personalization.visitors.models import Profile
from personalization.visitors.profiles import decay, interest_of

MOST_MIXED = 20


def history_of(profile: Profile, memory: Memory, context: int | None) -> History:
    """What a profile remembers of items that the catalog still knows."""
    row_of = memory.catalog.row_of
    known = [(row_of[key], weight, at) for key, weight, at in profile.recent if key in row_of]
    rows, weights, times = zip(*known, strict=True) if known else ((), (), ())
    interest, dismissed = _interest(profile, memory), dismissed_rows(profile, memory)
    return History(rows, weights, times, interest=interest, context=context, dismissed=dismissed)


def history_of_taste(tags: Collection[str], memory: Memory, context: int | None) -> History:
    """Somebody who has read nothing yet but likes certain tags: for previews."""
    liked = {tag.casefold() for tag in tags}
    rows = [row for row, own in enumerate(memory.items.tags) if liked & {tag.casefold() for tag in own}]
    embeddings = memory.items.embeddings
    interest = embeddings[rows].sum(axis=0) if rows and embeddings is not None else None
    return History(interest=interest, context=context)


def read_mask(profile: Profile, memory: Memory) -> Mask:
    """Which rows are of an item that the visitor has read, in whatever language."""
    mask = np.zeros(len(memory.items.ids), dtype=np.bool_)
    mask[[row for key, *_ in profile.recent for row in translations(memory.catalog, key)]] = True
    return mask


def dismissed_rows(profile: Profile, memory: Memory) -> list[int]:
    """Rows of the items in which the visitor is not interested, in whatever language."""
    return [row for key in profile.dismissed for row in translations(memory.catalog, key)]


def own_mix(history: History, memory: Memory, now: datetime) -> dict[str, float]:
    """The shares of tags in what the visitor read, recent reading counting more."""
    tags = [_folded(memory.items.tags[row]) for row in history.items.tolist()]
    mix = rerankers.mix_of(tags, history.weights * decay(now.timestamp() - history.timestamps))
    return dict(sorted(mix.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_MIXED])


def shown_counts(profile: Profile, memory: Memory) -> Floats:
    """How often each row was shown to the visitor without a click since."""
    counts = np.zeros(len(memory.items.ids), dtype=np.float32)
    for key, number in profile.shown.items():
        counts[translations(memory.catalog, key)] += number
    return counts


def _folded(tags: Collection[str]) -> list[str]:
    return [tag.casefold() for tag in tags]


def _interest(profile: Profile, memory: Memory) -> Floats | None:
    """The stored interest, if it lives in the space of the catalog's embeddings."""
    interest = interest_of(profile)
    embeddings = memory.items.embeddings
    same_model = profile.embedding_model == memory.catalog.embedding_model
    fits = interest is not None and embeddings is not None and len(interest) == embeddings.shape[1] and same_model
    return interest if fits and interest.any() else None
