import secrets

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


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

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return f"{self.visitor_id}: {len(self.recent)}"
