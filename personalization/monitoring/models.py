from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from personalization.monitoring.measures import MEASURES, Measure
from personalization.training.models import ModelVersion, TrainingRun


class Reference(models.Model):
    """How the world looked when a version had learned from it: counts in bins, nothing of any one visitor."""

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="reference")
    window_from = models.DateTimeField()
    window_until = models.DateTimeField()
    summaries = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("reference")
        verbose_name_plural = _("references")

    def __str__(self) -> str:
        return f"{self.version}: {self.window_from:%Y-%m-%d} – {self.window_until:%Y-%m-%d}"


class ReadingQuerySet(models.QuerySet):
    def whole(self) -> "ReadingQuerySet":
        """Those of everything, without those of a part such as one position."""
        return self.filter(slice="")

    def latest_of_each(self) -> "ReadingQuerySet":
        """What the last measurement found."""
        newest = self.order_by("-measured_at").values_list("measured_at", flat=True).first()
        return self.filter(measured_at=newest)


class Reading(models.Model):
    """One value, measured at one time: append-only, so that they make a history."""

    class Status(models.TextChoices):
        OK = "ok", _("Fine")
        WARN = "warn", _("Watch")
        ALERT = "alert", _("Alert")
        TOO_LITTLE = "little", _("Too little to tell")

    metric = models.CharField(_("measure"), max_length=40)
    slice = models.CharField(_("part"), max_length=60, blank=True)
    value = models.FloatField(_("value"))
    status = models.CharField(_("status"), max_length=8, choices=Status)
    warn = models.FloatField(null=True)
    alert = models.FloatField(null=True)
    detail = models.JSONField(default=dict)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    window_from = models.DateTimeField()
    window_until = models.DateTimeField()
    reference_from = models.DateTimeField(null=True)
    reference_until = models.DateTimeField(null=True)
    measured_at = models.DateTimeField(_("measured"), default=timezone.now)

    objects = ReadingQuerySet.as_manager()

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        ordering = ["-measured_at", "metric", "slice"]
        indexes = [
            models.Index(fields=["metric", "slice", "measured_at"], name="reading_history"),
            models.Index(fields=["measured_at"], name="reading_time"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.slice} {self.value:.3f}".replace("  ", " ")

    @property
    def measure(self) -> Measure:
        return MEASURES[self.metric]


class Threshold(models.Model):
    """An operator's own thresholds for one measure, instead of the default ones."""

    metric = models.CharField(_("measure"), max_length=40, unique=True)
    warn = models.FloatField(_("watch from"), null=True, blank=True)
    alert = models.FloatField(_("alert from"), null=True, blank=True)

    class Meta:
        verbose_name = _("threshold")
        verbose_name_plural = _("thresholds")

    def __str__(self) -> str:
        return f"{self.metric}: {self.warn} / {self.alert}"


class AlertQuerySet(models.QuerySet):
    def open(self) -> "AlertQuerySet":
        """Those whose measure has not come back to normal."""
        return self.filter(recovered_at=None)

    def unseen(self) -> "AlertQuerySet":
        """Open ones that nobody has acknowledged."""
        return self.open().filter(acknowledged_at=None)


class Alert(models.Model):
    """A measure that crossed its threshold, until it is back to normal; the constraint keeps it from being repeated."""

    metric = models.CharField(_("measure"), max_length=40)
    value = models.FloatField(_("value"))
    worst = models.FloatField(_("worst value"))
    threshold = models.FloatField(_("threshold"), null=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+", verbose_name=_("version"))
    retraining = models.ForeignKey(
        TrainingRun, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("training run")
    )
    opened_at = models.DateTimeField(_("raised"), default=timezone.now)
    recovered_at = models.DateTimeField(_("back to normal"), null=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("by")
    )

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(fields=["metric"], condition=Q(recovered_at=None), name="one_open_alert")
        ]

    def __str__(self) -> str:
        return str(self.measure.label)

    @property
    def measure(self) -> Measure:
        return MEASURES[self.metric]


class AlertSubscription(models.Model):
    """A user who wants alerts by email, too."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        verbose_name = _("alert subscription")
        verbose_name_plural = _("alert subscriptions")

    def __str__(self) -> str:
        return str(self.user)


class ItemGroup(models.Model):
    """Items whose exposure an editor wants to watch: those that meet all that is filled in."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    tags = models.CharField(
        _("tags"), max_length=500, blank=True, help_text=_("Separated by commas; an item needs one of them.")
    )
    author = models.CharField(_("author"), max_length=120, blank=True)
    locale = models.CharField(_("language"), max_length=16, blank=True, help_text=_("A code such as “en”."))

    class Meta:
        verbose_name = _("item group")
        verbose_name_plural = _("item groups")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class FairnessAudit(models.Model):
    """One audit: what was compared, how it went, and all its figures."""

    class Status(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    class Grouping(models.TextChoices):
        GROUPS = "groups", _("Item groups that editors defined")
        TAG = "tag", _("Tag")
        AUTHOR = "author", _("Author")
        SECTION = "section", _("Section")
        LOCALE = "locale", _("Language")
        TYPE = "type", _("Type of content")

    grouping = models.CharField(_("items by"), max_length=8, choices=Grouping)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.RUNNING)
    stage = models.CharField(_("stage"), max_length=80, blank=True)
    message = models.TextField(_("message"), blank=True)
    version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("version")
    )
    results = models.JSONField(default=dict)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("asked for by")
    )
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("fairness audit")
        verbose_name_plural = _("fairness audits")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.get_grouping_display()}, {self.started_at:%Y-%m-%d %H:%M}"
