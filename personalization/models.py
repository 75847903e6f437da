"""Django finds every room's models here; nobody else imports this module."""

from personalization.catalog.models import Embedding, Epoch, Item
from personalization.events.models import Event, EventImport, TagForecast
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
    "Consent",
    "Embedding",
    "Epoch",
    "Event",
    "EventImport",
    "FairnessAudit",
    "Item",
    "ItemGroup",
    "ModelVersion",
    "Profile",
    "Reading",
    "Reference",
    "Segment",
    "Slot",
    "TagForecast",
    "Threshold",
    "TrainingRun",
    "Visitor",
]
