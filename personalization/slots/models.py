from typing import Any

from django import forms
from django.contrib.contenttypes.fields import GenericRelation
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from wagtail.fields import StreamField
from wagtail.models import DraftStateMixin, LockableMixin, PreviewableMixin, RevisionMixin

from personalization.catalog.models import Epoch
from personalization.slots import choices, policies
from personalization.slots.panels import SLOT_PANELS
from personalization.slots.rules import PoolBlock, RulesBlock
from personalization.slots.validation import find_problems

SIZE = [MinValueValidator(1), MaxValueValidator(24)]
SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]
CARDS = "cards"
AT_LEAST_ONE = [MinValueValidator(1)]
PERCENT = [MaxValueValidator(100)]
MOST_EXPLORED = [MaxValueValidator(20)]


class TypesField(models.JSONField):
    """A list of the site's types, ticked in a form."""

    def formfield(self, **kwargs: Any) -> forms.Field:
        return forms.MultipleChoiceField(
            choices=choices.types,
            widget=forms.CheckboxSelectMultiple,
            required=False,
            label=capfirst(self.verbose_name),
            help_text=self.help_text,
        )


class Slot(PreviewableMixin, DraftStateMixin, LockableMixin, RevisionMixin, models.Model):
    """A named place whose content varies."""

    # No field: only an experiment's arm states which words a slot shows, and what looks at it sets this.
    wording = ""

    class TagsMatch(models.TextChoices):
        ANY = "any", _("Any of the tags")
        ALL = "all", _("All of the tags")

    class Languages(models.TextChoices):
        PAGE = "page", _("The page's language only")
        FALLBACK = "fallback", _("The page's language, else the site's default language")
        ANY = "any", _("Any language, the page's first")

    class DiversityMethod(models.TextChoices):
        MMR = "mmr", _("Unlike the one it resembles most (MMR)")
        DPP = "dpp", _("Unlike all of the others together (DPP)")

    class FairBy(models.TextChoices):
        NOTHING = "", _("Off: the ranking alone decides")
        SECTION = "section", _("Between sections")
        TAGS = "tags", _("Between certain tags")

    key = models.SlugField(
        _("key"), max_length=60, unique=True, help_text=_("Templates and front ends ask for the slot by this key.")
    )
    name = models.CharField(_("name"), max_length=120, blank=True, help_text=_("What editors see in lists."))
    heading = models.CharField(
        _("heading"),
        max_length=200,
        blank=True,
        help_text=_(
            "May greet: {visitor.first_name|there}, {visitor.top_tag|stories}, {visitor.last_viewed|our pages}."
        ),
    )
    text = models.TextField(_("text"), blank=True, help_text=_("Below the heading; placeholders work here, too."))
    size = models.PositiveSmallIntegerField(_("number of items"), default=3, validators=SIZE)
    template = models.CharField(
        _("template"), max_length=200, blank=True, choices=choices.templates, help_text=_("Empty: the usual cards.")
    )

    pool_types = TypesField(_("types"), default=list, blank=True, help_text=_("None ticked: every type."))
    pool = StreamField(
        PoolBlock(required=False),
        verbose_name=_("pages and items"),
        blank=True,
        help_text=_("Limits the pool to what lies below certain pages. Items named here belong to it in any case."),
    )
    pool_tags = models.CharField(
        _("tags"), max_length=500, blank=True, help_text=_("Separated by commas. Empty: with any tags or none.")
    )
    pool_tags_match = models.CharField(_("match"), max_length=3, choices=TagsMatch, default=TagsMatch.ANY)
    max_age_days = models.PositiveIntegerField(
        _("maximum age in days"), null=True, blank=True, validators=AT_LEAST_ONE, help_text=_("Empty: any age.")
    )
    languages = models.CharField(_("languages"), max_length=8, choices=Languages, default=Languages.PAGE)

    policy = models.CharField(_("policy"), max_length=60, choices=policies.choices, default="for-you")
    rules = StreamField(RulesBlock(required=False), verbose_name=_("rules"), blank=True)
    diversity = models.FloatField(
        _("diversity"),
        default=0.3,
        validators=SHARE,
        help_text=_("0: the best, however alike. 1: as unlike each other as can be. Fixed orders are left alone."),
    )
    freshness = models.FloatField(
        _("freshness"), default=0.0, validators=SHARE, help_text=_("How much new items are lifted, from 0 to 1.")
    )
    demote_read = models.BooleanField(_("show last what the visitor has read"), default=True)
    max_per_tag = models.PositiveSmallIntegerField(
        _("most items of one tag"), null=True, blank=True, validators=AT_LEAST_ONE
    )
    max_per_section = models.PositiveSmallIntegerField(
        _("most items of one section"),
        null=True,
        blank=True,
        validators=AT_LEAST_ONE,
        help_text=_("A section is the page that the items lie below."),
    )
    frequency_cap = models.PositiveSmallIntegerField(
        _("most showings without a click"),
        null=True,
        blank=True,
        validators=AT_LEAST_ONE,
        help_text=_("After so many, a visitor no longer gets the item here. Empty: no limit."),
    )
    diversity_method = models.CharField(
        _("how diversity is measured"),
        max_length=3,
        choices=DiversityMethod,
        default=DiversityMethod.MMR,
        help_text=_("Each next item is to be… The second is stricter in longer lists."),
    )
    calibration = models.PositiveSmallIntegerField(
        _("keep the visitor's own mix, in percent"),
        default=0,
        validators=PERCENT,
        help_text=_(
            "Who reads two thirds film and one third food gets about that, and not film only. "
            "0: off. 100: the mix of tags alone decides. Reasonable: 30 to 60."
        ),
    )
    fatigue = models.PositiveSmallIntegerField(
        _("lower what was seen and ignored, in percent"),
        default=0,
        validators=PERCENT,
        help_text=_("How much an item sinks that this visitor sees again and again without choosing it. 0: off."),
    )
    exploration = models.PositiveSmallIntegerField(
        _("try out other items, in percent of the places"),
        default=0,
        validators=MOST_EXPLORED,
        help_text=_(
            "Now and then an item is shown that was not ranked high, so that new and unknown ones get their chance and "
            "rankings can be compared fairly. Only where a visitor's events are recorded. 0: off. At most 20."
        ),
    )
    fair_by = models.CharField(
        _("share attention fairly"),
        max_length=7,
        choices=FairBy,
        default=FairBy.NOTHING,
        blank=True,
        help_text=_(
            "Over all visitors, each group gets at least four fifths of the attention that its share of the pool "
            "deserves, as far as it has items among a visitor's best."
        ),
    )
    fair_tags = models.CharField(
        _("tags that share attention"),
        max_length=500,
        blank=True,
        help_text=_(
            "Separated by commas, such as the names of authors. An item counts for the first of them that it carries; "
            "all others count as one more group."
        ),
    )
    dismissible = models.BooleanField(
        _("let visitors say “not interested”"),
        default=False,
        help_text=_("Adds a button to each card. What a visitor dismisses is not shown to them again, in any slot."),
    )
    personalizes = models.BooleanField(
        _("personalize"),
        default=True,
        help_text=_("Not ticked: everybody gets the fallback items, else the newest of the pool."),
    )
    flag = models.CharField(
        _("flag"),
        max_length=100,
        blank=True,
        help_text=_("Name of a feature flag. Visitors for whom it is not active see the fallback."),
    )

    _revisions = GenericRelation(
        "wagtailcore.Revision",
        content_type_field="base_content_type",
        object_id_field="object_id",
        for_concrete_model=False,
    )

    panels = SLOT_PANELS

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and let every process know in the same transaction that slots have changed."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            Epoch.objects.advance("slots")

    def clean(self) -> None:
        super().clean()
        problems: dict[str, list[Any]] = {}
        for field, problem in find_problems(self):
            problems.setdefault(field, []).append(problem)
        if problems:
            raise ValidationError(problems)

    @property
    def revisions(self) -> models.Manager:
        return self._revisions

    @property
    def preview_modes(self) -> list[tuple[str, Any]]:
        """The editor room answers the first with scores and reasons; the second is `get_preview_template`."""
        return [("", _("Scores and reasons")), (CARDS, _("The cards, for a new visitor"))]

    def get_preview_template(self, request: Any, mode_name: str) -> str:
        return "personalization/slot_preview.html"


def _tell_of_deletion(**kwargs: Any) -> None:
    Epoch.objects.advance("slots")


# A signal, because deleting many at once does not call `Slot.delete`. It is sent inside the deleting transaction.
post_delete.connect(_tell_of_deletion, sender=Slot)
