"""What is asked of a model, and what each call of it took."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from wagtail.blocks import CharBlock, StructBlock, TextBlock
from wagtail.fields import StreamField
from wagtail.models import Locale, RevisionMixin

from personalization.variants.choices import CallStatus, PartStatus, Purpose, RequestStatus

LENGTH = [MinValueValidator(10), MaxValueValidator(1000)]
MOST_ALTERNATIVES = 5


class ExampleBlock(StructBlock):
    source = TextBlock(label=_("Source"))
    headline = CharBlock(label=_("Headline"), required=False)
    summary = TextBlock(label=_("Summary"), required=False)
    call_to_action = CharBlock(label=_("Call to action"), required=False)

    class Meta:
        icon = "openquote"
        label = _("Example")


class PromptTemplate(RevisionMixin, models.Model):
    """How the model is told to write."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    brand_voice = models.TextField(_("brand voice"), blank=True, help_text=_("How the house speaks, in a few lines."))
    audience = models.CharField(_("audience"), max_length=200, blank=True)
    tone = models.CharField(_("tone"), max_length=200, blank=True, help_text=_("Such as: warm, plain, no jargon."))
    language = models.ForeignKey(
        Locale,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("language"),
        help_text=_("Empty: whatever the request says, else the source's own."),
    )
    longest_headline = models.PositiveSmallIntegerField(_("longest headline"), default=70, validators=LENGTH)
    longest_summary = models.PositiveSmallIntegerField(_("longest summary"), default=200, validators=LENGTH)
    longest_call_to_action = models.PositiveSmallIntegerField(
        _("longest call to action"), default=30, validators=LENGTH
    )
    longest_image_description = models.PositiveSmallIntegerField(
        _("longest image description"), default=125, validators=LENGTH
    )
    must_say = models.TextField(_("must say"), blank=True, help_text=_("One term per line."))
    must_not_say = models.TextField(_("must not say"), blank=True, help_text=_("One term per line."))
    examples = StreamField(
        [("example", ExampleBlock())], verbose_name=_("examples"), blank=True, help_text=_("What good work looks like.")
    )
    learns = models.BooleanField(
        _("learn from judgements"),
        default=True,
        help_text=_("Adds approved variants that editors gave a thumbs-up as further examples."),
    )

    _revisions = GenericRelation(
        "wagtailcore.Revision",
        content_type_field="base_content_type",
        object_id_field="object_id",
        for_concrete_model=False,
    )

    class Meta:
        verbose_name = _("prompt template")
        verbose_name_plural = _("prompt templates")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def revisions(self) -> models.Manager:
        return self._revisions

    @property
    def version(self) -> str:
        """Which wording of the template this is."""
        return f"{self.pk}.{self.latest_revision_id or 0}"


class GenerationRequest(models.Model):
    """What an editor asked of the model: some sources, some segments, so many alternatives."""

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("asked by"),
    )
    template = models.ForeignKey(
        PromptTemplate, on_delete=models.PROTECT, related_name="requests", verbose_name=_("prompt template")
    )
    template_version = models.CharField(max_length=40, editable=False)
    fields = models.JSONField(_("what to write"), default=list)
    alternatives = models.PositiveSmallIntegerField(
        _("alternatives"), default=2, validators=[MinValueValidator(1), MaxValueValidator(MOST_ALTERNATIVES)]
    )
    draws_image = models.BooleanField(_("also an image"), default=False)
    locale = models.ForeignKey(
        Locale,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("language"),
        help_text=_("Empty: the source's own."),
    )
    note = models.CharField(
        _("note to the model"), max_length=500, blank=True, help_text=_("What this time matters. Name no person.")
    )
    status = models.CharField(_("status"), max_length=8, choices=RequestStatus, default=RequestStatus.QUEUED)
    created_at = models.DateTimeField(_("asked"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("request for variants")
        verbose_name_plural = _("requests for variants")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class GenerationPart(models.Model):
    """One source and one segment of a request: what one call of the model answers."""

    request = models.ForeignKey(GenerationRequest, on_delete=models.CASCADE, related_name="parts")
    item = models.ForeignKey("personalization.Item", null=True, on_delete=models.CASCADE, related_name="+")
    slot = models.ForeignKey("personalization.Slot", null=True, on_delete=models.CASCADE, related_name="+")
    segment = models.ForeignKey("personalization.Segment", null=True, on_delete=models.CASCADE, related_name="+")
    status = models.CharField(_("status"), max_length=8, choices=PartStatus, default=PartStatus.WAITING)
    message = models.TextField(_("what happened"), blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(
        null=True, help_text="When it was last queued or, while it runs, last gave a sign of life."
    )

    class Meta:
        verbose_name = _("part of a request")
        verbose_name_plural = _("parts of requests")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(item=None, slot__isnull=False) | models.Q(item__isnull=False, slot=None),
                name="part_has_one_source",
            ),
            models.UniqueConstraint(
                "request", Coalesce("item", 0), Coalesce("slot", 0), Coalesce("segment", 0), name="part_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.item_id or self.slot_id} {self.segment_id or ''}"


class GenerationCall(models.Model):
    """One call of a model: what it was asked, how it ended, what it used. What is not known is empty, never zero.

    A call that still runs, or of which nothing more was heard, counts against budgets as what it reserved.
    """

    part = models.ForeignKey(GenerationPart, null=True, on_delete=models.SET_NULL, related_name="calls")
    editor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    purpose = models.CharField(max_length=5, choices=Purpose, default=Purpose.WORDS)
    status = models.CharField(_("status"), max_length=12, choices=CallStatus, default=CallStatus.RUNNING)
    generator = models.CharField(_("generator"), max_length=120)
    model = models.CharField(_("model"), max_length=120)
    template_version = models.CharField(max_length=40, blank=True)
    request_id = models.CharField(_("request id"), max_length=200, blank=True)
    reserved_tokens = models.PositiveBigIntegerField(default=0)
    reserved_money = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    input_tokens = models.PositiveBigIntegerField(_("tokens read"), null=True)
    output_tokens = models.PositiveBigIntegerField(_("tokens written"), null=True)
    money = models.DecimalField(_("cost"), max_digits=14, decimal_places=6, null=True)
    latency_ms = models.PositiveIntegerField(_("time"), null=True)
    error = models.TextField(_("error"), blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now, db_index=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("call of a model")
        verbose_name_plural = _("calls of models")
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.model} {self.started_at:%Y-%m-%d %H:%M} {self.status}"
