"""Django finds every room's models here; nobody else imports this module."""

from personalization.catalog.models import Embedding, Epoch, Item
from personalization.events.models import Event, EventImport, TagForecast
from personalization.slots.models import Slot
from personalization.training.models import ModelVersion, TrainingRun
from personalization.visitors.models import Consent, Profile, Segment, Visitor

__all__ = [
    "Consent",
    "Embedding",
    "Epoch",
    "Event",
    "EventImport",
    "Item",
    "ModelVersion",
    "Profile",
    "Segment",
    "Slot",
    "TagForecast",
    "TrainingRun",
    "Visitor",
]
