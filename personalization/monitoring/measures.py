"""What is measured, what it is called, and from which value on it is worth a warning or an alert."""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Family(StrEnum):
    """What belongs together on the page."""

    FEATURES = "features"
    SCORES = "scores"
    TEXTS = "texts"
    CATALOG = "catalog"
    TRAFFIC = "traffic"
    ONLINE = "online"


class Unit(StrEnum):
    """How a value is to be read; of each, more is worse."""

    PSI = "psi"
    SHARE = "share"
    DROP = "drop"


@dataclass(frozen=True)
class Measure:
    """One thing that is measured; without thresholds it is shown but raises no alert until somebody sets them.

    `retrains` tells whether a new model can put right what an alert complains of.
    """

    name: str
    label: str | Promise
    family: Family
    unit: Unit = Unit.PSI
    warn: float | None = 0.1
    alert: float | None = 0.25
    retrains: bool = True


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("click_rate", _("Clicks per impression"), Family.ONLINE, Unit.DROP, 0.2, 0.4),
        Measure("click_rank", _("Rank of what is clicked"), Family.ONLINE, Unit.DROP, 0.15, 0.3),
        Measure("ranking_disorder", _("Disorder of clicks by score"), Family.ONLINE, Unit.SHARE, None, None),
        Measure("calibration_error", _("Calibration error of probabilities"), Family.ONLINE, Unit.SHARE, 0.1, 0.2),
        Measure("events_per_visitor", _("Interactions per visitor"), Family.FEATURES),
        Measure("history_length", _("Items per visitor"), Family.FEATURES),
        Measure("read_age", _("Age of what is read"), Family.FEATURES),
        Measure("hour", _("Hour of the day"), Family.FEATURES),
        Measure("weekday", _("Day of the week"), Family.FEATURES),
        Measure("device", _("Device"), Family.FEATURES),
        Measure("kind", _("Kind of event"), Family.FEATURES),
        Measure("top_scores", _("Scores of the best ten"), Family.SCORES),
        Measure("score_spread", _("Distance of the first from the tenth"), Family.SCORES),
        Measure("read_texts", _("Texts that are read"), Family.TEXTS),
        Measure("catalog_texts", _("Texts of the catalog"), Family.TEXTS),
        Measure("embedder", _("Embedding model"), Family.TEXTS),
        Measure("tags", _("Tags of the catalog"), Family.CATALOG),
        Measure("catalog_age", _("Age of the catalog"), Family.CATALOG, retrains=False),
        Measure("not_embedded", _("Items without embedding"), Family.CATALOG, Unit.SHARE, 0.1, 0.3, retrains=False),
        Measure("site", _("Site"), Family.TRAFFIC),
        Measure("locale", _("Language"), Family.TRAFFIC),
        Measure("slot", _("Slot"), Family.TRAFFIC, retrains=False),
    )
}

FAMILIES = {
    Family.ONLINE: _("Is what is ranked high chosen?"),
    Family.FEATURES: _("Visitors and what they do"),
    Family.SCORES: _("What the model makes of them"),
    Family.TEXTS: _("Texts"),
    Family.CATALOG: _("Catalog"),
    Family.TRAFFIC: _("Where traffic comes from"),
}

UNITS = {
    Unit.PSI: _("PSI"),
    Unit.SHARE: _("share"),
    Unit.DROP: _("drop"),
}
