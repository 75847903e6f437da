"""The room's nouns: alternative words for an item or a slot, and what belongs to them."""

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.db.models.signals import post_delete, pre_delete
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.images import get_image_model_string
from wagtail.models import (
    DraftStateMixin,
    LockableMixin,
    PreviewableMixin,
    Revision,
    RevisionMixin,
    TranslatableMixin,
    WorkflowMixin,
)

from personalization.catalog.models import Epoch
from personalization.variants.asking import GenerationCall, GenerationPart, GenerationRequest, PromptTemplate
from personalization.variants.checking import examine, keep, take_words
from personalization.variants.choices import ORIGINAL, Act, State, Words
from personalization.variants.hashing import content_digest, counterpart, source_digest
from personalization.variants.lifecycle import (
    CONTENT,
    EPOCH,
    PUBLICATION,
    lock,
    note_change,
    person_at_work,
    take_over,
)
from personalization.variants.limits import Budget, RuleSet, VariantSettings
from personalization.variants.records import ApprovalRecord, Judgement, record

__all__ = [
    "ApprovalRecord",
    "Budget",
    "GenerationCall",
    "GenerationPart",
    "GenerationRequest",
    "Judgement",
    "PromptTemplate",
    "RuleSet",
    "Variant",
    "VariantSettings",
]

# What belongs to the variant as a whole: an earlier revision of its words does not bring it back.
BOOKKEEPING = (
    *("state", "content_hash", "drafted", "source_hash", "source_words", "findings", "rules_version", "checked_hash"),
    *("checked_at", "part", "call", "requested_by", "template_version", "model", "losing_since", "created_at"),
)


class Variant(
    WorkflowMixin, DraftStateMixin, LockableMixin, RevisionMixin, TranslatableMixin, PreviewableMixin, models.Model
):
    """Other words, or another image, for one item or one slot, meant for one segment or for everybody.

    The row always holds the words of the latest revision, and is live only while exactly these are approved: any edit
    takes it out of its slot. `lifecycle.note_change` sees to that, and `serving` compares the hashes once more.
    """

    item = models.ForeignKey(
        "personalization.Item",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="variants",
        verbose_name=_("item"),
    )
    slot = models.ForeignKey(
        "personalization.Slot",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="variants",
        verbose_name=_("slot"),
        help_text=_("Instead of an item: other words for the slot's own heading and text."),
    )
    segment = models.ForeignKey(
        "personalization.Segment",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="variants",
        verbose_name=_("segment"),
        help_text=_("Empty: for everybody."),
    )
    label = models.SlugField(
        _("label"),
        max_length=30,
        blank=True,
        help_text=_("By which an experiment's arm can ask for it, such as “short”. The same for many items."),
    )
    headline = models.CharField(_("headline"), max_length=255, blank=True, help_text=_("Empty: the original's."))
    summary = models.TextField(_("summary"), max_length=1000, blank=True, help_text=_("Empty: the original's."))
    call_to_action = models.CharField(_("call to action"), max_length=100, blank=True)
    image = models.ForeignKey(
        get_image_model_string(),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("image"),
        help_text=_("Empty: the original's."),
    )
    image_description = models.CharField(_("image description"), max_length=300, blank=True)

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT, editable=False)
    content_hash = models.CharField(max_length=64, editable=False)
    drafted = models.JSONField(
        default=dict, editable=False, help_text="What a model wrote, by field; empty where a person wrote all of it."
    )
    source_hash = models.CharField(max_length=64, editable=False, help_text="Of the source that was last looked at.")
    source_words = models.JSONField(default=dict, editable=False, help_text="That source: title, summary, text.")
    findings = models.JSONField(default=list, editable=False)
    rules_version = models.CharField(max_length=80, blank=True, editable=False)
    checked_hash = models.CharField(
        max_length=130, blank=True, editable=False, help_text="Content and source hash of what was checked."
    )
    checked_at = models.DateTimeField(null=True, editable=False)
    part = models.ForeignKey(
        GenerationPart, null=True, on_delete=models.SET_NULL, related_name="variants", editable=False
    )
    call = models.ForeignKey(
        GenerationCall, null=True, on_delete=models.SET_NULL, related_name="variants", editable=False
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        editable=False,
        verbose_name=_("asked by"),
    )
    template_version = models.CharField(max_length=40, blank=True, editable=False)
    model = models.CharField(_("model"), max_length=120, blank=True, editable=False)
    losing_since = models.DateTimeField(
        null=True, editable=False, help_text="When its retirement was proposed, for it does worse than the original."
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    # Who saves the words just now.
    editor: Any = None

    _revisions = GenericRelation(
        "wagtailcore.Revision",
        content_type_field="base_content_type",
        object_id_field="object_id",
        for_concrete_model=False,
    )
    _workflow_states = GenericRelation(
        "wagtailcore.WorkflowState",
        content_type_field="base_content_type",
        object_id_field="object_id",
        for_concrete_model=False,
    )

    class Meta(TranslatableMixin.Meta):
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        ordering = ["-created_at"]
        permissions = [
            ("approve_variant", "Can approve, reject and retire AI variants"),
            ("generate_variant", "Can ask a language model for variants"),
        ]
        indexes = [models.Index(fields=["state"], name="variant_state")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(item=None, slot__isnull=False) | models.Q(item__isnull=False, slot=None),
                name="variant_has_one_source",
            )
        ]

    def __str__(self) -> str:
        return self.headline or self.summary[:60] or self.call_to_action or f"{self._meta.verbose_name} {self.pk}"

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save under the variant's lock. A new row is a draft, whatever it is a copy of; approved words do not change.

        What belongs to the variant as a whole is written only where it is named: a form that was opened before a
        decision does not undo it.
        """
        if self._state.adding:
            self.live, self.state, self.losing_since = False, State.DRAFT, None
            self.content_hash = content_digest(self)
            super().save(*args, **kwargs)
            return
        row = lock(self)
        names = kwargs.get("update_fields")
        is_whole = names is None
        if is_whole:
            # Who has read it before the last decision knows nothing of what is published by now.
            unknown = () if self.state == row.state else PUBLICATION
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
            names = names.difference(BOOKKEEPING, unknown)
        says_something_new = take_over(row, self, names)
        self.content_hash = row.content_hash
        super().save(*args, **kwargs | {"update_fields": {*names, "content_hash"}})
        if says_something_new:
            note_change(row, user=self.editor or person_at_work())
        if says_something_new or (is_whole and unknown):
            self.state = row.state
            self.refresh_from_db(fields=PUBLICATION)
        if row.state == State.APPROVED:
            Epoch.objects.advance(EPOCH)

    def clean(self) -> None:
        super().clean()
        if bool(self.item_id) == bool(self.slot_id):
            raise ValidationError({"item": _("Choose either an item or a slot.")})
        if self.label == ORIGINAL:
            raise ValidationError({"label": _("Experiments mean the original's own words by this: choose another.")})
        if not any(self.words.values()) and not self.image_id:
            raise ValidationError(_("Write at least one of the words, or choose an image."))

    @property
    def revisions(self) -> models.Manager:
        return self._revisions

    @property
    def workflow_states(self) -> models.Manager:
        return self._workflow_states

    @property
    def key(self) -> str:
        """How tokens, events and records name it; facts outlive the row."""
        return str(self.pk)

    @property
    def words(self) -> dict[str, str]:
        """What it says, by field; an empty word leaves the original's."""
        return {name: getattr(self, name) for name in Words.values}

    @property
    def is_ai(self) -> bool:
        """Whether a model wrote any of it at first."""
        return bool(self.drafted)

    @property
    def is_checked(self) -> bool:
        """Whether the guardrails have seen exactly these words, and exactly this source."""
        return self.checked_hash == f"{self.content_hash}:{source_digest(self)}"

    @property
    def is_blocked(self) -> bool:
        """Whether a guardrail forbids to show it, or it has not been checked as it stands."""
        return not self.is_checked or any(finding["severity"] == "block" for finding in self.findings)

    @transaction.atomic
    def save_revision(self, user: Any = None, **kwargs: Any) -> Revision:
        """Save a revision and, unlike other drafts, the row itself; an approval of other words is revoked.

        The guardrails look at the words first: what they take out is not kept, and what they find is about these words.
        """
        row = lock(self)
        examination = examine(self)
        # Words that have not changed stay, whatever the rules have come to say of them: a decision stands on them.
        if self.latest_revision_id is None or content_digest(self) != row.content_hash:
            take_words(self, examination)
        revision = super().save_revision(user=user, **kwargs)
        self.editor = user
        self.save(update_fields=CONTENT)
        keep(self, examination)
        return revision

    @transaction.atomic
    def publish(self, revision: Revision, user: Any = None, **kwargs: Any) -> None:
        """Publish what has been approved; whoever tries it with anything else is refused, whatever they may do."""
        row = lock(self)
        if row.state != State.APPROVED or content_digest(revision.as_object()) != row.content_hash:
            raise PermissionDenied(_("Only an approval publishes a variant."))
        super().publish(revision, user=user, **(kwargs | {"skip_permission_checks": True}))

    def with_content_json(self, content: dict[str, Any]) -> "Variant":
        """Earlier words, with today's bookkeeping and source."""
        segments = self._meta.get_field("segment").remote_field.model.objects
        is_known = content.get("segment") is None or segments.filter(pk=content["segment"]).exists()
        today = {"item": self.item_id, "slot": self.slot_id} | ({} if is_known else {"segment": self.segment_id})
        variant = super().with_content_json(content | today)
        for name in (*BOOKKEEPING, "item", "slot"):
            setattr(variant, name, getattr(self, name))
        return variant

    def copy_for_translation(self, locale: Any, exclude_fields: Any = None) -> "Variant":
        """A draft for the same item, in that language; nobody has approved it."""
        copy = super().copy_for_translation(locale, exclude_fields)
        copy.item = counterpart(self.item, locale) if self.item_id else None
        copy.created_at = timezone.now()
        return copy

    def get_preview_template(self, request: Any, mode_name: str) -> str:
        return "personalization/variant_preview.html"


def _prepare_deletion(instance: Variant, **kwargs: Any) -> None:
    """Take the lock before any row goes, and write down when approved words cease to be shown."""
    with suppress(Variant.DoesNotExist):  # somebody else was faster
        row = lock(instance)
        if row.state == State.APPROVED:
            record(row, Act.RETIRED, user=person_at_work(), comment=gettext("Deleted."))


def _tell_of_deletion(**kwargs: Any) -> None:
    Epoch.objects.advance(EPOCH)


pre_delete.connect(_prepare_deletion, sender=Variant)
post_delete.connect(_tell_of_deletion, sender=Variant)
