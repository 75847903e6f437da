"""Django finds every room's models here; nobody else imports this module."""

from personalization.catalog.models import Embedding, Epoch, Item
from personalization.events.models import Event, EventImport, SenderKey, TagForecast
from personalization.experiments.flags import VisitorFlag
from personalization.experiments.models import (
    Arm,
    Batch,
    DaySum,
    Experiment,
    Metric,
    NamespaceRange,
    Overlap,
    Phase,
)
from personalization.monitoring.models import (
    Alert,
    AlertSubscription,
    FairnessAudit,
    ItemGroup,
    Reading,
    Reference,
    Threshold,
)
from personalization.slots.models import Slot
from personalization.training.models import ModelVersion, TrainingRun
from personalization.visitors.models import Consent, Profile, Segment, Visitor

__all__ = [
    "Alert",
    "AlertSubscription",
    "Arm",
    "Batch",
    "Consent",
    "DaySum",
    "Embedding",
    "Epoch",
    "Event",
    "EventImport",
    "Experiment",
    "FairnessAudit",
    "Item",
    "ItemGroup",
    "Metric",
    "ModelVersion",
    "NamespaceRange",
    "Overlap",
    "Phase",
    "Profile",
    "Reading",
    "Reference",
    "Segment",
    "SenderKey",
    "Slot",
    "TagForecast",
    "Threshold",
    "TrainingRun",
    "Visitor",
    "VisitorFlag",
]
