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
from personalization.variants.models import (
    ApprovalRecord,
    Budget,
    GenerationCall,
    GenerationPart,
    GenerationRequest,
    Judgement,
    PromptTemplate,
    RuleSet,
    Variant,
    VariantSettings,
)
from personalization.variants.workflow import VariantReviewTask
from personalization.visitors.models import Consent, Profile, Segment, Visitor

__all__ = [
    "Alert",
    "AlertSubscription",
    "ApprovalRecord",
    "Arm",
    "Batch",
    "Budget",
    "Consent",
    "DaySum",
    "Embedding",
    "Epoch",
    "Event",
    "EventImport",
    "Experiment",
    "FairnessAudit",
    "GenerationCall",
    "GenerationPart",
    "GenerationRequest",
    "Item",
    "ItemGroup",
    "Judgement",
    "Metric",
    "ModelVersion",
    "NamespaceRange",
    "Overlap",
    "Phase",
    "Profile",
    "PromptTemplate",
    "Reading",
    "Reference",
    "RuleSet",
    "Segment",
    "SenderKey",
    "Slot",
    "TagForecast",
    "Threshold",
    "TrainingRun",
    "Variant",
    "VariantReviewTask",
    "VariantSettings",
    "Visitor",
    "VisitorFlag",
]
