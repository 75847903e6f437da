from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class TrainingRunQuerySet(models.QuerySet):
    def running(self) -> "TrainingRunQuerySet":
        """The one run under way, if any."""
        return self.filter(status=TrainingRun.Status.RUNNING)

    def queued(self) -> "TrainingRunQuerySet":
        """The one run that was asked for and has not begun, if any."""
        return self.filter(status=TrainingRun.Status.QUEUED)

    def leaving_files(self) -> "TrainingRunQuerySet":
        """Runs that ended without a version, whose folder in the artifact store nobody will read."""
        under_way = (TrainingRun.Status.QUEUED, TrainingRun.Status.RUNNING)
        return self.exclude(status__in=under_way).exclude(artifact="").filter(version=None)


class TrainingRun(models.Model):
    """One attempt to train, with its outcome; the constraint lets only one be under way, and only one wait."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting for a worker")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        SKIPPED = "skipped", _("Skipped")
        FAILED = "failed", _("Failed")

    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.RUNNING)
    trigger = models.CharField(_("trigger"), max_length=20, default="command")
    reason = models.CharField(_("reason"), max_length=200, blank=True, help_text=_("What the trigger found."))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    stage = models.CharField(_("stage"), max_length=60, blank=True)
    worker = models.CharField(max_length=120, blank=True, help_text=_("Machine and process that trains."))
    artifact = models.CharField(max_length=200, blank=True, help_text=_("Folder that it writes in the artifact store."))
    message = models.TextField(_("message"), blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    heartbeat_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = TrainingRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="running"), name="one_training_at_a_time"),
            models.UniqueConstraint(fields=["status"], condition=Q(status="queued"), name="one_training_waits"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} {self.started_at:%Y-%m-%d %H:%M}"


class ModelVersionQuerySet(models.QuerySet):
    def promoted(self) -> "ModelVersion | None":
        """The version that serves."""
        return self.filter(status=ModelVersion.Status.PROMOTED).first()

    def older_than(self, version: "ModelVersion") -> "ModelVersionQuerySet":
        """What served before a version and still has its files, newest first."""
        served = self.filter(status=ModelVersion.Status.ARCHIVED, promoted_at__lt=version.promoted_at)
        return served.exclude(artifact="").order_by("-promoted_at")

    def beyond(self, kept: int) -> "ModelVersionQuerySet":
        """Versions whose files need not be kept: neither among the newest made nor among the last that served.

        What was put away without ever having served is not among the newest, however new.
        """
        put_away = Q(status=ModelVersion.Status.ARCHIVED, promoted_at=None)
        newest = list(self.exclude(put_away).values_list("pk", flat=True).order_by("-created_at")[:kept])
        served = self.exclude(promoted_at=None).order_by("-promoted_at")
        serving = self.filter(status=ModelVersion.Status.PROMOTED).values_list("pk", flat=True)
        spared = {*newest, *served.values_list("pk", flat=True)[:kept], *serving}
        return self.exclude(artifact="").exclude(pk__in=spared)


class ModelVersion(models.Model):
    """A trained model's record: where it came from, how it measured, and whether it serves."""

    class Status(models.TextChoices):
        CANDIDATE = "candidate", _("Candidate")
        PROMOTED = "promoted", _("Promoted")
        ARCHIVED = "archived", _("Archived")

    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="version")
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.CANDIDATE)
    artifact = models.CharField(
        max_length=200, blank=True, help_text=_("Folder inside the artifact store; empty once its files are deleted.")
    )
    digest = models.CharField(max_length=64, help_text=_("SHA-256 of the artifact's manifest."))
    data_hash = models.CharField(max_length=64)
    data_from = models.DateTimeField(null=True)
    data_until = models.DateTimeField(null=True)
    interactions = models.PositiveIntegerField(_("interactions"), default=0)
    visitors = models.PositiveIntegerField(_("visitors"), default=0)
    items = models.PositiveIntegerField(_("items"), default=0)
    parameters = models.JSONField(default=dict)
    code_version = models.CharField(
        max_length=80, blank=True, help_text=_("The package's version, and a hash of the code that learns.")
    )
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("What served when it was made."),
    )
    metrics = models.JSONField(default=dict)
    verdict = models.TextField(_("verdict"), blank=True, help_text=_("Why it was promoted, or why not."))
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    promoted_at = models.DateTimeField(_("promoted"), null=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="promoted"), name="one_promoted_version")
        ]

    def __str__(self) -> str:
        return f"v{self.pk}"
