"""What administrators set: budgets, rules, and how AI text is labelled."""

from typing import Any

from django.conf import settings
from django.contrib.contenttypes.fields import GenericRelation
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from wagtail.contrib.settings.models import BaseSiteSetting, register_setting
from wagtail.models import Locale, RevisionMixin

from personalization.catalog.models import Epoch

ONE_PER_LINE = _("One per line.")


class RuleSet(RevisionMixin, models.Model):
    """The guardrails' word lists and severities, for one language or for all. Without any, the built-in ones hold."""

    name = models.CharField(_("name"), max_length=80)
    locale = models.OneToOneField(
        Locale,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("language"),
        help_text=_("Empty: for every language that has no rules of its own."),
    )
    severities = models.JSONField(
        _("severities"), default=dict, blank=True, help_text=_("How grave each rule's findings are.")
    )
    banned = models.TextField(_("banned terms"), blank=True, help_text=ONE_PER_LINE)
    required = models.TextField(_("required terms"), blank=True, help_text=ONE_PER_LINE)
    allowed_domains = models.TextField(
        _("domains that may be linked to"), blank=True, help_text=_("One per line. The site's own always may.")
    )
    claims = models.TextField(
        _("superlatives and claims"), blank=True, help_text=_("One per line. Empty: the built-in list.")
    )
    profanity = models.TextField(_("profanity"), blank=True, help_text=_("One per line, besides the built-in list."))
    hardest = models.PositiveSmallIntegerField(
        _("hardest reading level"),
        null=True,
        blank=True,
        validators=[MinValueValidator(20), MaxValueValidator(80)],
        help_text=_("As LIX: 30 is easy, 40 a newspaper, 60 an academic text. Empty: any."),
    )
    least_similarity = models.FloatField(
        _("least likeness to the source"),
        default=0.35,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_("Of the meaning, from 0 to 1: below, a draft is marked as possibly off the subject."),
    )

    _revisions = GenericRelation(
        "wagtailcore.Revision",
        content_type_field="base_content_type",
        object_id_field="object_id",
        for_concrete_model=False,
    )

    class Meta:
        verbose_name = _("guardrails")
        verbose_name_plural = _("guardrails")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(locale=None), name="rules_for_all_languages_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def revisions(self) -> models.Manager:
        return self._revisions


class Budget(models.Model):
    """What a day's generation may use. The day is UTC's; an empty limit is none."""

    class Scope(models.TextChoices):
        SITE = "site", _("All editors together")
        EDITOR = "editor", _("Each editor")

    scope = models.CharField(_("for"), max_length=6, choices=Scope)
    editor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("editor"),
        help_text=_("Instead of what each editor has. Empty: each one that has no budget of their own."),
    )
    tokens = models.PositiveBigIntegerField(_("tokens a day"), null=True, blank=True)
    money = models.DecimalField(
        _("money a day"),
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("In the currency of the prices that the site's settings state."),
    )

    class Meta:
        verbose_name = _("generation budget")
        verbose_name_plural = _("generation budgets")
        ordering = ["scope", "editor"]
        constraints = [
            models.UniqueConstraint(fields=["scope"], condition=models.Q(editor=None), name="budget_scope_once"),
            models.UniqueConstraint(fields=["editor"], name="budget_editor_once"),
            models.CheckConstraint(
                condition=models.Q(editor=None) | models.Q(scope="editor"), name="budget_site_names_nobody"
            ),
        ]

    def __str__(self) -> str:
        return str(self.editor) if self.editor_id else str(self.get_scope_display())


@register_setting(icon="view", order=900)
class VariantSettings(BaseSiteSetting):
    """What one site's visitors are told."""

    labels = models.BooleanField(
        _("label AI-written words for visitors"),
        default=True,
        help_text=_("Each card, and each slot's text, whose words come from a language model says so."),
    )
    label = models.CharField(
        _("label"), max_length=80, blank=True, help_text=_("Empty: “Written with AI, checked by an editor”.")
    )

    class Meta:
        verbose_name = _("AI-written words")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and let every process read it again."""
        super().save(*args, **kwargs)
        Epoch.objects.advance("variants")
