"""One word for each visitor that a run learns from: the first lasting segment, else the language mostly read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from personalization.catalog.snapshot import Catalog
from personalization.recommend.data import Interactions
from personalization.visitors.models import Profile
from personalization.visitors.segments import lasting_segments

AT_ONCE = 400


def with_segments(interactions: Interactions, catalog: Catalog) -> Interactions:
    """The same interactions, with the word for each visitor that serving would use."""
    keys = interactions.visitor_ids
    words = dict(_languages(keys, catalog)) | dict(lasting_segments(keys=keys))
    return replace(interactions, segments=tuple(words.get(key, "") for key in keys))


def _languages(keys: Sequence[str], catalog: Catalog) -> Iterator[tuple[str, str]]:
    for start in range(0, len(keys), AT_ONCE):
        profiles = Profile.objects.filter(
            visitor__key__in=keys[start : start + AT_ONCE], visitor__consent__personalization=True
        )
        for key, recent in profiles.values_list("visitor__key", "recent"):
            amounts: Counter[str] = Counter()
            for item_key, weight, _at in recent:
                row = catalog.row_of.get(item_key)
                if row is not None:
                    amounts[str(catalog.locale[row])] += weight
            if amounts:
                yield key, amounts.most_common(1)[0][0]
