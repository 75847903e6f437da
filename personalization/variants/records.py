"""How variants are judged: the record of decisions, and what editors think of what they see."""

from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from wagtail.log_actions import log

from personalization.variants.choices import DECISIVE, Act, Rejection, Words
from personalization.variants.hashing import digest_of, source_of

# What Wagtail's history says besides its own entries of submitting, approving and requesting changes.
LOG = "personalization.variant"
LOGGED = (Act.REJECTED, Act.REVOKED, Act.STALE, Act.PROPOSED, Act.RETIRED)


class AppendOnlyError(Exception):
    """A record of what was decided cannot be changed or taken back."""


class ApprovalRecordQuerySet(models.QuerySet):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError

    def delete(self) -> NoReturn:
        raise AppendOnlyError

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError


class ApprovalRecord(models.Model):
    """One decision about one variant: who, about which words of which source, when, why, by which rules.

    Append-only, in Python and by triggers in the database. It holds keys and copies, not foreign keys: it outlives the
    variant, its source and the account. Each record of a variant carries the digest of the one before.
    """

    variant_key = models.CharField(max_length=20, db_index=True)
    act = models.CharField(_("decision"), max_length=10, choices=Act)
    at = models.DateTimeField(_("when"), default=timezone.now, db_index=True)
    user_key = models.CharField(max_length=64, blank=True)
    user_name = models.CharField(_("who"), max_length=160, blank=True)
    requested_by = models.CharField(_("asked by"), max_length=160, blank=True)
    content_hash = models.CharField(_("hash of the words"), max_length=64)
    source_key = models.CharField(_("source"), max_length=120)
    source_hash = models.CharField(_("hash of the source"), max_length=64)
    words = models.JSONField(default=dict)
    source_words = models.JSONField(default=dict)
    segment_key = models.CharField(_("segment"), max_length=60, blank=True)
    locale = models.CharField(_("language"), max_length=16)
    reason = models.CharField(_("reason"), max_length=12, choices=Rejection, blank=True)
    comment = models.TextField(_("comment"), blank=True)
    findings = models.JSONField(default=list)
    rules_version = models.CharField(_("rules"), max_length=80, blank=True)
    is_ai = models.BooleanField(_("AI-made"), default=False)
    ai_share = models.FloatField(_("AI-generated share"), default=0.0, help_text="Of the characters, from 0 to 1.")
    model = models.CharField(_("model"), max_length=120, blank=True)
    template_version = models.CharField(max_length=40, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True)
    previous = models.CharField(max_length=64, blank=True, help_text="Digest of this variant's record before.")
    digest = models.CharField(max_length=64)

    objects = ApprovalRecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval record")
        verbose_name_plural = _("approval records")
        ordering = ["-pk"]
        default_permissions = ["view"]
        indexes = [models.Index(fields=["source_key", "at"], name="record_source")]

    def __str__(self) -> str:
        return f"{self.variant_key} {self.act} {self.at:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnlyError
        super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError


class Judgement(models.Model):
    """One editor's opinion of a variant, or of an item as a recommendation in a slot. The last word counts."""

    editor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("editor")
    )
    variant = models.ForeignKey(
        "personalization.Variant", null=True, on_delete=models.CASCADE, related_name="judgements"
    )
    item = models.ForeignKey("personalization.Item", null=True, on_delete=models.CASCADE, related_name="judgements")
    slot_key = models.CharField(_("slot"), max_length=60, blank=True)
    is_good = models.BooleanField(_("good"))
    comment = models.CharField(_("comment"), max_length=500, blank=True)
    judged_at = models.DateTimeField(_("judged"), default=timezone.now)

    class Meta:
        verbose_name = _("judgement")
        verbose_name_plural = _("judgements")
        ordering = ["-judged_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(item=None, variant__isnull=False) | models.Q(item__isnull=False, variant=None),
                name="judgement_has_one_object",
            ),
            models.UniqueConstraint(
                "editor", Coalesce("variant", 0), Coalesce("item", 0), "slot_key", name="judgement_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{'+' if self.is_good else '-'} {self.variant_id or self.item_id}"


def record(variant: Any, act: Act, *, user: Any = None, reason: str = "", comment: str = "") -> ApprovalRecord:
    """Write down a decision about a variant as it stands. The caller holds the variant's lock."""
    source = source_of(variant)
    before = ApprovalRecord.objects.filter(variant_key=variant.key).order_by("-pk").first()
    entry = ApprovalRecord(
        variant_key=variant.key,
        act=act,
        user_key=str(user.pk) if user else "",
        user_name=name_of(user),
        requested_by=name_of(variant.requested_by),
        content_hash=variant.content_hash,
        source_key=source.key,
        source_hash=source.digest,
        words=variant.words,
        source_words=source.words,
        segment_key=variant.segment.key if variant.segment_id else "",
        locale=variant.locale.language_code,
        reason=reason,
        comment=comment,
        findings=variant.findings,
        rules_version=variant.rules_version,
        is_ai=variant.is_ai,
        ai_share=ai_share(variant),
        model=variant.model,
        template_version=variant.template_version,
        expires_at=variant.expire_at,
        previous=before.digest if before else "",
    )
    entry.digest = digest_of_record(entry)
    entry.save()
    if act in LOGGED:
        log(variant, f"{LOG}.{act}", user=user, data={"reason": reason, "comment": comment})
    return entry


def decisive_record(variant: Any) -> ApprovalRecord | None:
    """What took the variant into its slot, or out of it, the last time."""
    return ApprovalRecord.objects.filter(variant_key=variant.key, act__in=DECISIVE).order_by("-pk").first()


def last_approval(variant: Any) -> ApprovalRecord | None:
    """The newest approval of a variant, though it may have ended since."""
    return ApprovalRecord.objects.filter(variant_key=variant.key, act=Act.APPROVED).order_by("-pk").first()


def digest_of_record(entry: ApprovalRecord) -> str:
    """What the next record of the variant carries: of all that this one says."""
    names = [field.attname for field in entry._meta.concrete_fields if field.name not in ("id", "digest")]
    values = {name: getattr(entry, name) for name in names}
    moments = {name: value.astimezone(UTC).isoformat() for name, value in values.items() if isinstance(value, datetime)}
    return digest_of(values | moments)


def name_of(user: Any) -> str:
    """How a record names a person: it outlives the account."""
    return (user.get_full_name() or user.get_username()) if user else ""


def ai_share(variant: Any) -> float:
    """The part of a variant's characters that stand as the model wrote them, from 0 to 1."""
    written = sum(len(words) for words in variant.words.values())
    kept = sum(
        block.size
        for name in Words.values
        for block in SequenceMatcher(
            None, variant.drafted.get(name, ""), getattr(variant, name), autojunk=False
        ).get_matching_blocks()
    )
    return kept / written if written else float(variant.is_ai)
