from datetime import timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalKey, ParentalManyToManyField
from modelcluster.models import ClusterableModel
from wagtail.models import Orderable

from personalization.catalog.models import Epoch
from personalization.experiments.choices import (
    Allocation,
    Correction,
    Direction,
    Measure,
    Method,
    Role,
    Scope,
    Status,
    Verdict,
)

PERCENT = [MinValueValidator(0.0), MaxValueValidator(100.0)]
SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]
AT_LEAST_ONE = [MinValueValidator(1)]
LONGEST_WINDOW = timedelta(days=90)
# So late does a browser's event come in, at the latest.
LATEST = timedelta(days=7)


class ExperimentQuerySet(models.QuerySet):
    def serving(self) -> "ExperimentQuerySet":
        """Those that decide what visitors get."""
        return self.filter(status=Status.RUNNING)

    def measured(self) -> "ExperimentQuerySet":
        """Those whose sums may still change: ended ones until the longest window has closed and late events are in."""
        lately = models.Q(status=Status.ENDED, ended_at__gte=timezone.now() - LONGEST_WINDOW - LATEST)
        return self.filter(models.Q(status__in=(Status.RUNNING, Status.PAUSED)) | lately)


class Experiment(ClusterableModel):
    """A test of a few arms in one slot."""

    key = models.SlugField(
        _("key"), max_length=40, unique=True, help_text=_("Stands in events and reports: cannot be changed later.")
    )
    name = models.CharField(_("name"), max_length=120)
    hypothesis = models.TextField(
        _("hypothesis"), help_text=_("What you expect, for whom, and why: “If …, then … will …, because …”.")
    )
    slot = models.ForeignKey(
        "personalization.Slot", on_delete=models.PROTECT, related_name="experiments", verbose_name=_("slot")
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT, editable=False)

    coverage = models.FloatField(
        _("visitors who take part, in percent"),
        default=100.0,
        validators=PERCENT,
        help_text=_("The rest sees the slot as it is. Can be raised while the test runs: nobody changes arms by it."),
    )
    holdout = models.FloatField(
        _("visitors held out, in percent"),
        default=0.0,
        validators=PERCENT,
        help_text=_("They get the slot without personalization, also after the end: so its lasting value can be seen."),
    )
    segments = ParentalManyToManyField(
        "personalization.Segment", blank=True, verbose_name=_("segments"), help_text=_("None ticked: everybody.")
    )
    sites = ParentalManyToManyField(
        "wagtailcore.Site", blank=True, verbose_name=_("sites"), help_text=_("None ticked: every site.")
    )
    locales = models.JSONField(_("languages"), default=list, blank=True, help_text=_("None ticked: every language."))
    devices = models.JSONField(_("devices"), default=list, blank=True, help_text=_("None ticked: every device."))
    flag = models.CharField(
        _("flag"),
        max_length=100,
        blank=True,
        help_text=_("Name of a feature flag. Where it is not active, visitors do not take part."),
    )

    allocation = models.CharField(_("allocation"), max_length=10, choices=Allocation, default=Allocation.FIXED)
    floor = models.FloatField(
        _("least share of an arm, in percent"), default=5.0, validators=PERCENT, help_text=_("Of a bandit.")
    )
    holdback = models.FloatField(
        _("visitors with equal shares, in percent"),
        default=10.0,
        validators=PERCENT,
        help_text=_("Of a bandit: they get every arm equally often, so that the bandit's own value is measured."),
    )
    half_life_days = models.FloatField(
        _("half-life of what was learned, in days"),
        default=14.0,
        validators=[MinValueValidator(0.5)],
        help_text=_("Of a bandit: after so long, an observation counts half. Tastes change."),
    )

    method = models.CharField(_("statistics"), max_length=10, choices=Method, default=Method.SEQUENTIAL)
    correction = models.CharField(
        _("correction for several goals"), max_length=4, choices=Correction, default=Correction.HOLM
    )
    alpha = models.FloatField(
        _("accepted risk of a false alarm"),
        default=0.05,
        validators=[MinValueValidator(0.0001), MaxValueValidator(0.5)],
    )
    prior_sd = models.FloatField(
        _("width of the prior"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0001)],
        help_text=_("Of the Bayesian statistics: how large relative effects usually are, such as 0.1. Empty: flat."),
    )
    adjusts = models.BooleanField(
        _("use what visitors did before"),
        default=True,
        help_text=_("Narrows intervals by the 14 days before a visitor's first exposure (CUPED)."),
    )
    stratifies = models.BooleanField(
        _("compare within segments"), default=False, help_text=_("Evens out how segments fell into arms.")
    )
    window_days = models.PositiveSmallIntegerField(
        _("days that count after the first exposure"),
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_WINDOW.days)],
    )
    minimum_effect = models.FloatField(
        _("smallest effect worth finding, in percent"), default=10.0, validators=[MinValueValidator(0.01)]
    )
    power = models.FloatField(
        _("chance to find it"), default=0.8, validators=[MinValueValidator(0.5), MaxValueValidator(0.999)]
    )
    planned_visitors = models.PositiveIntegerField(
        _("planned visitors"), null=True, blank=True, help_text=_("In all arms together. The calculator tells.")
    )
    starts_at = models.DateTimeField(_("start"), null=True, blank=True, help_text=_("When scheduled."))
    ends_at = models.DateTimeField(_("planned end"), null=True, blank=True)

    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict, blank=True, editable=False)
    shipped_arm = models.CharField(_("shipped arm"), max_length=30, blank=True, editable=False)
    decision = models.TextField(_("decision"), blank=True, editable=False)
    summed_at = models.DateTimeField(
        null=True, editable=False, help_text="Every event received before is in the daily sums."
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        ordering = ["-created_at"]
        permissions = [("run_experiment", "Can start, pause and end experiments")]

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and let every process know in the same transaction."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            Epoch.objects.advance("slots")

    @property
    def phase(self) -> "Phase | None":
        """The phase that runs or ran last."""
        return self.phases.order_by("-number").first()

    @property
    def is_bandit(self) -> bool:
        """Whether shares follow what is learned."""
        return self.allocation != Allocation.FIXED


class Arm(Orderable):
    """One branch: what it changes about the slot. Empty fields leave the slot as it is."""

    experiment = ParentalKey(Experiment, on_delete=models.CASCADE, related_name="arms")
    key = models.SlugField(_("key"), max_length=30, help_text=_("Stands in events and reports."))
    name = models.CharField(_("name"), max_length=80)
    is_control = models.BooleanField(_("control"), default=False)
    weight = models.FloatField(_("weight"), default=1.0, validators=[MinValueValidator(0.0)])
    personalizes = models.BooleanField(
        _("personalize"), default=True, help_text=_("Not ticked: everybody gets the slot's fallback.")
    )
    policy = models.CharField(_("policy"), max_length=60, blank=True, help_text=_("Empty: the slot's own."))
    model_version = models.ForeignKey(
        "personalization.ModelVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("model version"),
        help_text=_("Empty: whichever serves."),
    )
    heading = models.CharField(_("heading"), max_length=200, blank=True, help_text=_("Empty: the slot's own."))
    diversity = models.FloatField(_("diversity"), null=True, blank=True, validators=SHARE)
    freshness = models.FloatField(_("freshness"), null=True, blank=True, validators=SHARE)
    wording = models.CharField(
        _("words"),
        max_length=30,
        blank=True,
        help_text=_(
            "Empty: the approved variants that fit a visitor. “original”: no variants. Else: variants of this label."
        ),
    )
    levels = models.CharField(
        _("factors"),
        max_length=200,
        blank=True,
        help_text=_("For tests of several factors at once, such as: ranking=similar, heading=short"),
    )

    class Meta(Orderable.Meta):
        verbose_name = _("arm")
        verbose_name_plural = _("arms")
        constraints = [models.UniqueConstraint(fields=["experiment", "key"], name="arm_key_once")]

    def __str__(self) -> str:
        return self.name or self.key

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the slot that it states otherwise."""
        stated = {name: getattr(self, name) for name in ("policy", "heading", "diversity", "freshness", "wording")}
        return {name: value for name, value in stated.items() if value not in ("", None)}


class Metric(Orderable):
    """What is measured of each visitor, and what for."""

    experiment = ParentalKey(Experiment, on_delete=models.CASCADE, related_name="metrics")
    measure = models.CharField(_("measure"), max_length=12, choices=Measure, default=Measure.CLICKED)
    goal = models.CharField(
        _("goal"), max_length=60, blank=True, help_text=_("Of a conversion, as front ends name it. Empty: any.")
    )
    scope = models.CharField(_("where"), max_length=4, choices=Scope, default=Scope.SLOT)
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.GOAL)
    direction = models.CharField(_("direction"), max_length=10, choices=Direction, default=Direction.INCREASE)
    cap = models.FloatField(
        _("cap at percentile"),
        null=True,
        blank=True,
        validators=[MinValueValidator(50.0), MaxValueValidator(100.0)],
        help_text=_("Of values and seconds: larger ones count as this percentile of their day, such as 99."),
    )
    margin = models.FloatField(
        _("tolerated harm, in percent"), default=0.0, validators=PERCENT, help_text=_("Of a guardrail.")
    )

    class Meta(Orderable.Meta):
        verbose_name = _("metric")
        verbose_name_plural = _("metrics")

    def __str__(self) -> str:
        words = str(self.get_measure_display())
        return f"{words}: {self.goal}" if self.goal else words


class NamespaceRange(Orderable):
    """A part of a namespace: experiments whose parts do not overlap never share a visitor."""

    experiment = ParentalKey(Experiment, on_delete=models.CASCADE, related_name="namespaces")
    namespace = models.SlugField(_("namespace"), max_length=40)
    start = models.FloatField(_("from"), default=0.0, validators=SHARE)
    end = models.FloatField(_("to"), default=1.0, validators=SHARE)

    class Meta(Orderable.Meta):
        verbose_name = _("namespace")
        verbose_name_plural = _("namespaces")

    def __str__(self) -> str:
        return f"{self.namespace} {self.start:g}-{self.end:g}"


class Phase(models.Model):
    """A time with the same weights. Who takes part is shuffled anew for each, and each is counted for itself."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="phases")
    number = models.PositiveSmallIntegerField()
    weights = models.JSONField(default=dict, help_text="{arm key: weight}.")
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("phase")
        verbose_name_plural = _("phases")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["experiment", "number"], name="phase_number_once")]

    def __str__(self) -> str:
        return f"{self.experiment.key}.{self.number}"

    @property
    def seed(self) -> str:
        """What visitors are hashed with."""
        return f"{self.experiment.key}.{self.number}"


class DaySum(models.Model):
    """What the visitors whose first exposure fell on one day did within their window, summed per arm and stratum.

    The day and the arm of a visitor are those of the first exposure in the phase. An arm key of "" counts visitors who
    were seen in more than one arm; they are in no other row.
    """

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="sums")
    day = models.DateField()
    arm_key = models.CharField(max_length=30, blank=True)
    device = models.CharField(max_length=16, blank=True)
    locale = models.CharField(max_length=20, blank=True)
    segment = models.CharField(max_length=60, blank=True)
    is_holdback = models.BooleanField(default=False)
    n = models.PositiveIntegerField(default=0)
    sums = models.JSONField(default=dict, help_text="{metric id: {name of a sum: number}}.")

    class Meta:
        verbose_name = _("daily sum")
        verbose_name_plural = _("daily sums")
        constraints = [
            models.UniqueConstraint(
                fields=["phase", "day", "arm_key", "device", "locale", "segment", "is_holdback"], name="day_sum_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.phase_id} {self.day} {self.arm_key}: {self.n}"


class Batch(models.Model):
    """A bandit's shares from one day on, and what they were learned from."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="batches")
    day = models.DateField(help_text="The first day on which it decides.")
    shares = models.JSONField(default=dict, help_text="{arm key: share}; of a contextual bandit the mean.")
    state = models.JSONField(default=dict, help_text="The sums behind them.")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["phase", "day"], name="batch_day_once")]

    def __str__(self) -> str:
        return f"{self.phase_id} {self.day}"


class Overlap(models.Model):
    """What visitors who take part in two experiments at once did, summed per pair of arms, by the first one's goal."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="overlaps")
    other = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="+")
    visitors = models.PositiveIntegerField(default=0)
    cells = models.JSONField(
        default=list, help_text="[[arm key, the other's arm key, n, sums as in a daily sum], ...]."
    )
    measured_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("overlap")
        verbose_name_plural = _("overlaps")
        constraints = [models.UniqueConstraint(fields=["phase", "other"], name="overlap_once")]

    def __str__(self) -> str:
        return f"{self.phase_id} {self.other_id}: {self.visitors}"


def _tell_of_deletion(**kwargs: Any) -> None:
    Epoch.objects.advance("slots")


post_delete.connect(_tell_of_deletion, sender=Experiment)
