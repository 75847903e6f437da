import secrets
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.db import models, transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from wagtail.fields import StreamField
from wagtail.models import DraftStateMixin, Orderable, PreviewableMixin, RevisionMixin

from personalization.visitors.panels import SEGMENT_PANELS
from personalization.visitors.rules import SegmentRulesBlock


def new_visitor_key() -> str:
    """A random pseudonym of 128 bits: it tells nothing about the person."""
    return secrets.token_hex(16)


class VisitorQuerySet(models.QuerySet):
    def whole(self) -> "VisitorQuerySet":
        """With consent and profile, in one query."""
        return self.select_related("consent", "profile")

    def lock(self) -> int:
        """Hold the rows until the transaction ends, and let everybody who has read them see that; return how many."""
        return self.update(revision=F("revision") + 1)


class Visitor(models.Model):
    """A pseudonymous person; the row exists only after a grant."""

    key = models.CharField(max_length=32, unique=True, default=new_visitor_key, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="visitor"
    )
    unit = models.CharField(
        max_length=32,
        default="",
        blank=True,
        editable=False,
        help_text="What experiments know the visitor by, if not the key: of two that joined, the first one's.",
    )
    simulated = models.BooleanField(_("simulated"), default=False)
    revision = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Counts the changes of consent and profile."
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = VisitorQuerySet.as_manager()

    class Meta:
        verbose_name = _("visitor")
        verbose_name_plural = _("visitors")

    def __str__(self) -> str:
        return self.key[:8]

    @property
    def experiment_unit(self) -> str:
        """What experiments hash, the same before and after a login."""
        return self.unit or self.key


class Consent(models.Model):
    """What one person allowed, per purpose."""

    visitor = models.OneToOneField(Visitor, on_delete=models.CASCADE, related_name="consent")
    analytics = models.BooleanField(_("analytics"), default=False)
    personalization = models.BooleanField(_("personalization"), default=False)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")

    def __str__(self) -> str:
        return f"analytics={self.analytics} personalization={self.personalization}"


class Profile(models.Model):
    """What was learned about one visitor: sums that decay, so that one event updates them without a recount."""

    visitor = models.OneToOneField(Visitor, on_delete=models.CASCADE, related_name="profile")
    updated_at = models.DateTimeField(default=timezone.now)
    embedding_model = models.CharField(max_length=120, blank=True)
    interest = models.BinaryField(null=True, help_text="Decayed sum of item vectors, float32, as of updated_at.")
    interest_weight = models.FloatField(default=0.0, help_text="Decayed sum of the weights behind interest.")
    recent = models.JSONField(default=list, help_text="[[item key, weight, epoch seconds], ...], oldest first.")
    tags = models.JSONField(default=dict, help_text="{tag: decayed affinity as of updated_at}.")
    shown = models.JSONField(default=dict, help_text="{item key: impressions since the last click on it}.")
    dismissed = models.JSONField(default=dict, help_text="{item key: epoch seconds of “not interested”}, oldest first.")
    counts = models.JSONField(default=dict, help_text="{event kind: number}.")
    frequency = models.FloatField(default=0.0, help_text="Decayed number of interactions as of updated_at.")
    value = models.FloatField(default=0.0, help_text="Sum of the conversions' values.")
    last_interaction_at = models.DateTimeField(null=True)
    device = models.CharField(max_length=16, blank=True)
    returns = models.JSONField(
        default=dict, help_text="{visit or conversion: {low, typical, high: days, last: epoch seconds}}, by forecast."
    )

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return f"{self.visitor_id}: {len(self.recent)}"


class Segment(PreviewableMixin, DraftStateMixin, RevisionMixin, Orderable, models.Model):
    """A set of visitors: by rules, or discovered by clustering and then reviewed."""

    class Match(models.TextChoices):
        ALL = "all", _("All of the rules")
        ANY = "any", _("Any of the rules")

    class Source(models.TextChoices):
        RULES = "rules", _("By rules")
        DISCOVERED = "discovered", _("Discovered")

    name = models.CharField(_("name"), max_length=120, help_text=_("What editors see in lists."))
    key = models.SlugField(
        _("key"), max_length=60, unique=True, help_text=_("Stands in reports and in models: better not changed.")
    )
    description = models.TextField(_("description"), blank=True, help_text=_("Who these people are, in your words."))
    match = models.CharField(_("match"), max_length=3, choices=Match, default=Match.ALL)
    rules = StreamField(SegmentRulesBlock(required=False), verbose_name=_("rules"), blank=True)
    source = models.CharField(_("source"), max_length=10, choices=Source, default=Source.RULES, editable=False)
    clusters = models.JSONField(
        null=True,
        blank=True,
        editable=False,
        help_text="Of a discovered one: {centroids: [{tag: part}, ...], number: its own among them}.",
    )

    _revisions = GenericRelation(
        "wagtailcore.Revision",
        content_type_field="base_content_type",
        object_id_field="object_id",
        for_concrete_model=False,
    )

    panels = SEGMENT_PANELS

    class Meta(Orderable.Meta):
        verbose_name = _("segment")
        verbose_name_plural = _("segments")

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, a new one as the last; what follows from it happens in the same transaction."""
        with transaction.atomic():
            if self.sort_order is None:
                last = Segment.objects.aggregate(last=Max("sort_order"))["last"]
                self.sort_order = 0 if last is None else last + 1
            super().save(*args, **kwargs)

    def with_content_json(self, content: dict[str, Any]) -> "Segment":
        """An earlier state, in today's place among the segments."""
        segment = super().with_content_json(content)
        segment.sort_order = self.sort_order
        return segment

    @property
    def revisions(self) -> models.Manager:
        return self._revisions

    def get_preview_template(self, request: Any, mode_name: str) -> str:
        return "personalization/editor/segment_estimate.html"
