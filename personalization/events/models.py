import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    EXPOSURE = "exposure", _("Exposure")
    IMPRESSION = "impression", _("Impression")
    VIEW = "view", _("View")
    CLICK = "click", _("Click")
    DWELL = "dwell", _("Dwell")
    SCROLL = "scroll", _("Scroll")
    CONVERSION = "conversion", _("Conversion")
    LIKE = "like", _("Like")
    DISMISS = "dismiss", _("Dismiss")
    CUSTOM = "custom", _("Custom")


class EventQuerySet(models.QuerySet):
    def believed(self) -> "EventQuerySet":
        """What may be learned from: never found bad, or released by a person."""
        return self.filter(verdict__in=("", Event.RELEASED))

    def quarantined(self) -> "EventQuerySet":
        """What a check before training found bad, and nobody has released."""
        return self.exclude(verdict__in=("", Event.RELEASED))


class Event(models.Model):
    """What happened, append-only. It holds keys, not foreign keys: facts outlive the rows they name."""

    event_id = models.UUIDField(unique=True, default=uuid.uuid4)
    once = models.UUIDField(
        null=True,
        unique=True,
        help_text="Made of decision, item and kind where a fact counts once however often it is told.",
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    visitor_key = models.CharField(max_length=32, db_index=True)
    item_key = models.CharField(_("item"), max_length=120, blank=True)
    slot_key = models.CharField(_("slot"), max_length=60, blank=True)
    arm_key = models.CharField(max_length=120, blank=True)
    variant_key = models.CharField(
        _("variant"), max_length=20, blank=True, help_text=_("Whose words were shown; empty: the original's.")
    )
    decision_id = models.UUIDField(null=True)
    position = models.PositiveSmallIntegerField(null=True)
    propensity = models.FloatField(
        null=True,
        help_text="Where a slot explores: the probability of the item at its place; of an exposure, of the whole list.",
    )
    goal = models.CharField(_("goal"), max_length=60, blank=True)
    value = models.FloatField(_("value"), null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    for_analytics = models.BooleanField(default=False)
    for_personalization = models.BooleanField(default=False)
    source = models.CharField(max_length=8, default="browser")
    network = models.CharField(
        max_length=16,
        blank=True,
        help_text="Keyed hash of the address range on that day; blanked when it has served against scripted clicks.",
    )
    verdict = models.CharField(
        _("found bad as"),
        max_length=16,
        blank=True,
        help_text="The rule of data quality that this breaks, or “released”; empty for what is believed.",
    )
    context = models.JSONField(
        null=True,
        help_text="Of an exposure in an experiment: device, locale and segment; of a bandit's also whether the visitor "
        "is held back from it, the arm's propensity, and the features it went by.",
    )
    occurred_at = models.DateTimeField(_("occurred"))
    received_at = models.DateTimeField(default=timezone.now)

    objects = EventQuerySet.as_manager()

    RELEASED = "released"

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["occurred_at", "kind"], name="event_time"),
            models.Index(fields=["slot_key", "kind", "occurred_at"], name="event_slot"),
            models.Index(fields=["arm_key", "occurred_at"], name="event_arm", condition=~models.Q(arm_key="")),
            models.Index(
                fields=["variant_key", "occurred_at"], name="event_variant", condition=~models.Q(variant_key="")
            ),
            models.Index(fields=["verdict", "occurred_at"], name="event_verdict", condition=~models.Q(verdict="")),
            models.Index(fields=["received_at"], name="event_network", condition=~models.Q(network="")),
            models.Index(fields=["received_at"], name="event_received"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.item_key}"


class SenderKey(models.Model):
    """What a server shows to report conversions. Only a digest is kept: the key itself is told once."""

    name = models.CharField(_("name"), max_length=80, help_text=_("Which server holds it."))
    prefix = models.CharField(_("begins with"), max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("server key")
        verbose_name_plural = _("server keys")
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class EventImport(models.Model):
    """How far one history file has been read, so that an interrupted import goes on where it stopped."""

    file_hash = models.CharField(max_length=64, unique=True)
    lines = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    accepted = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("event import")
        verbose_name_plural = _("event imports")

    def __str__(self) -> str:
        return f"{self.file_hash[:12]}: {self.lines}"


class TagForecast(models.Model):
    """How much of one tag is expected to be read in the days that come, beside what was read."""

    tag = models.CharField(_("tag"), max_length=255, unique=True)
    today = models.DateField(help_text="The first day that is forecast; the history ends the day before.")
    history = models.JSONField(default=list, help_text="Readings of each day, the oldest first.")
    mean = models.JSONField(default=list, help_text="Expected on each of the days that come.")
    low = models.JSONField(default=list)
    high = models.JSONField(default=list)
    method = models.CharField(_("method"), max_length=20)
    lately = models.FloatField(_("last two weeks"))
    expected = models.FloatField(_("next two weeks"))
    made_at = models.DateTimeField(_("made"), default=timezone.now)

    class Meta:
        verbose_name = _("demand forecast")
        verbose_name_plural = _("demand forecasts")
        ordering = ["-expected", "tag"]

    def __str__(self) -> str:
        return self.tag
