"""What a training run learns from: what visitors did who allowed it, the catalog's texts, and what editors think."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization import conf
from personalization.catalog import snapshot
from personalization.events.quarantine import set_aside
from personalization.events.queries import read_log
from personalization.recommend.data import Interactions, Items
from personalization.recommend.validation import BrokenFrameError, CheckReport, validate
from personalization.training.event_weights import amounts_of, choose_weights
from personalization.training.segments import with_segments
from personalization.variants.judging import votes_on

if TYPE_CHECKING:
    from pandas import DataFrame

# One visitor, however busy or automatic, must not outweigh the others.
LARGEST_HISTORY = 1_000
# What is shown and not followed by anything for so long was ignored.
CHOSEN_WITHIN = 1_800


class TooLittleError(Exception):
    """There is not enough to learn from; the message says what is missing."""


class BrokenBatchError(TooLittleError):
    """What there is cannot be believed; the message says why."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions over the whole catalog, its texts, and the hash by which two runs know that they saw the same.

    `checks` counts what was set aside, `event_weights` says what an event of each kind counted.
    """

    interactions: Interactions
    items: Items
    digest: str
    checks: CheckReport = field(default_factory=lambda: CheckReport(0))
    event_weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """When the first interaction happened."""
        return datetime.fromtimestamp(float(self.interactions.timestamps.min()), tz=UTC)

    @property
    def until(self) -> datetime:
        """When the last interaction happened."""
        return datetime.fromtimestamp(float(self.interactions.timestamps.max()), tz=UTC)


def read_dataset() -> Dataset:
    """Read and check the training window; set aside what cannot be believed.

    Raises TooLittleError when less than TRAINING_MINIMUM remains, BrokenBatchError when most of it is impossible.
    """
    settings = conf.get()
    now = timezone.now()
    catalog = snapshot.current()
    on_show = {catalog.items.groups[row] for row in np.flatnonzero(catalog.live)}
    log, checks = _check(read_log(since=now - timedelta(days=settings.training_window_days), until=now), now)
    weights = choose_weights(log)
    interactions = _collect(log, on_show, weights)
    found = interactions.matrix.nnz if interactions else 0
    if interactions is None or found < settings.training_minimum:
        raise TooLittleError(
            _(
                "Only %(found)d interactions of visitors who allow personalization in the last %(days)d days; "
                "%(needed)d are needed (TRAINING_MINIMUM). Until then slots follow texts and the editors' order."
            )
            % {"found": found, "days": settings.training_window_days, "needed": settings.training_minimum}
        )
    items = replace(catalog.items, votes=votes_on(catalog))
    return Dataset(with_segments(interactions, catalog), items, _digest(interactions, items), checks, weights)


def _check(log: "DataFrame", now: datetime) -> tuple["DataFrame", CheckReport]:
    """Put what cannot be believed into quarantine, unless most of the batch is impossible."""
    try:
        checked = validate(log, now=now.timestamp())
    except BrokenFrameError as error:
        raise BrokenBatchError(
            _("The events cannot be believed: %(reason)s Nothing was learned or set aside; look at what sends them.")
            % {"reason": error}
        ) from error
    set_aside(found={rule: part.tolist() for rule, part in checked.quarantined.groupby("rule")["pk"]})
    return checked.kept, checked.report


def _collect(log: "DataFrame", groups: Collection[str], weights: Mapping[str, float]) -> Interactions | None:
    """Gather what was chosen into one matrix, and what was shown and ignored, or dismissed, into another."""
    log = log[log["item"] != ""]
    amounts = amounts_of(log, weights)
    chosen, shown = log[amounts > 0], log[(log["kind"] == "impression").to_numpy(dtype=bool)]
    if chosen.empty:
        return None
    dismissed = log[(log["kind"] == "dismiss").to_numpy(dtype=bool)]
    is_followed = _is_followed(shown, chosen, within=CHOSEN_WITHIN)
    followed, ignored = shown[is_followed], _concat([shown[~is_followed], dismissed])
    wanted = ~_is_followed(chosen, dismissed)
    if not wanted.any():
        return None
    strengths, chosen = amounts[amounts > 0][wanted], chosen[wanted]
    universe = sorted({*chosen["item"].tolist(), *groups})
    visitors, items = chosen["visitor"].tolist(), chosen["item"].tolist()
    interactions = Interactions.from_rows(visitors, items, chosen["time"].to_numpy(), strengths, item_ids=universe)
    return _newest_of_each(_with_showings(interactions, followed, ignored))


def _is_followed(rows: "DataFrame", others: "DataFrame", within: float | None = None) -> np.ndarray:
    """Whether another event of the same visitor and item comes at the same time or later, within some seconds."""
    import pandas as pd

    later = others[["visitor", "item", "time"]].assign(at=others["time"])
    left = rows[["visitor", "item", "time"]].reset_index(drop=True)
    matched = pd.merge_asof(left, later, on="time", by=["visitor", "item"], direction="forward", tolerance=within)
    return matched["at"].notna().to_numpy(dtype=bool)


def _concat(parts: list["DataFrame"]) -> "DataFrame":
    import pandas as pd

    return pd.concat(parts, ignore_index=True)


def _with_showings(interactions: Interactions, followed: "DataFrame", ignored: "DataFrame") -> Interactions:
    """Tell what came of what was shown, as far as its visitor and item are known."""
    parts = (
        rows[rows["visitor"].isin(interactions.visitor_ids) & rows["item"].isin(interactions.item_ids)]
        for rows in (followed, ignored)
    )
    chosen, passed = ((rows["visitor"].tolist(), rows["item"].tolist(), rows["time"].to_numpy()) for rows in parts)
    return interactions.with_followed(*chosen[:2]).with_ignored(*passed)


def _newest_of_each(interactions: Interactions) -> Interactions:
    """Leave each visitor the newest LARGEST_HISTORY items."""
    if np.diff(interactions.matrix.indptr).max() <= LARGEST_HISTORY:
        return interactions
    rows = interactions.rows
    by_age = np.lexsort((-interactions.timestamps, rows))
    rank = np.empty(len(rows), dtype=np.int64)
    rank[by_age] = np.arange(len(rows)) - interactions.matrix.indptr[:-1][rows[by_age]]
    return interactions.keep(rank < LARGEST_HISTORY)


def _digest(interactions: Interactions, items: Items) -> str:
    matrix, votes = interactions.matrix, items.votes
    digest = hashlib.sha256()
    told = (votes.item, votes.time, votes.sign) if len(votes) else ()
    for array in (matrix.indptr, matrix.indices, matrix.data, interactions.timestamps, *told):
        digest.update(np.ascontiguousarray(array).data)
    if interactions.ignored is not None:
        ignored = interactions.ignored
        for array in (ignored.indptr, ignored.indices, interactions.ignored_at, interactions.followed):
            digest.update(np.ascontiguousarray(array).data)
    digest.update("\n".join((*interactions.visitor_ids, *interactions.item_ids)).encode())
    return digest.hexdigest()
