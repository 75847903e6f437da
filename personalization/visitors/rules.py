"""What an editor can ask of a visitor or a request, as blocks of a segment's rules."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _
from waffle import get_waffle_flag_model
from wagtail import blocks
from wagtail.coreutils import get_content_languages
from wagtail.models import Site

DEVICES = [("phone", _("Phone")), ("tablet", _("Tablet")), ("desktop", _("Desktop"))]
REFERRERS = [
    ("direct", _("None: typed, bookmarked or hidden")),
    ("search", _("A search engine")),
    ("social", _("A social network")),
    ("internal", _("This site itself")),
    ("other", _("Any other site")),
]
CAMPAIGN = [("source", "utm_source"), ("medium", "utm_medium"), ("campaign", "utm_campaign")]
WEEKDAYS = [
    ("0", _("Monday")),
    ("1", _("Tuesday")),
    ("2", _("Wednesday")),
    ("3", _("Thursday")),
    ("4", _("Friday")),
    ("5", _("Saturday")),
    ("6", _("Sunday")),
]
RETURNS = [("due", _("due about now")), ("overdue", _("overdue")), ("early", _("not due yet"))]


def sites() -> list[tuple[str, str]]:
    """The sites to choose from."""
    return [(str(site.pk), str(site)) for site in Site.objects.all()]


def languages() -> list[tuple[str, str]]:
    """The languages to choose from."""
    return list(get_content_languages().items())


def validate_flag(name: str) -> None:
    """Refuse a flag that does not exist, or that could not be kept without a cookie."""
    flag = get_waffle_flag_model().objects.filter(name=name).first()
    if flag is None:
        raise ValidationError(_("There is no flag of this name. Make it first, or leave the field empty."))
    if flag.everyone is None and flag.percent and getattr(flag, "percent_needs_cookie", True):
        raise ValidationError(
            _("This flag is active for a percentage of visitors, which would need a cookie without consent.")
        )


class TagBlock(blocks.StructBlock):
    tag = blocks.CharBlock(label=_("Tag"), max_length=100)
    share = blocks.IntegerBlock(
        label=_("At least, in percent"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Of all that the visitor reads, newer reading counting more."),
    )

    class Meta:
        icon = "tag"
        label = _("Interested in a tag")
        label_format = "{tag}"


class InteractionsBlock(blocks.StructBlock):
    kind = blocks.ChoiceBlock(
        label=_("What"),
        choices=[("any", _("Views, clicks and everything else that says something")), ("conversion", _("Conversions"))],
        default="any",
    )
    least = blocks.IntegerBlock(label=_("From"), default=0, min_value=0)
    most = blocks.IntegerBlock(
        label=_("To"), required=False, min_value=0, help_text=_("Empty: any number. From 0 to 0: new visitors.")
    )

    class Meta:
        icon = "list-ol"
        label = _("Number of past interactions")

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        if cleaned["most"] is not None and cleaned["most"] < cleaned["least"]:
            error = ValidationError(_("This must not be less than the number above."))
            raise blocks.StructBlockValidationError({"most": error})
        return cleaned


class LastSeenBlock(blocks.StructBlock):
    when = blocks.ChoiceBlock(
        label=_("Last interaction"),
        choices=[("within", _("within the last")), ("before", _("longer ago than"))],
        default="within",
    )
    days = blocks.IntegerBlock(label=_("Days"), default=7, min_value=1)

    class Meta:
        icon = "history"
        label = _("Last seen")


class ReturnBlock(blocks.StructBlock):
    goal = blocks.ChoiceBlock(
        label=_("What"), choices=[("visit", _("The next visit")), ("conversion", _("The next conversion"))]
    )
    state = blocks.ChoiceBlock(
        label=_("Is"), choices=RETURNS, help_text=_("By the visitor’s own rhythm, forecast every night.")
    )

    class Meta:
        icon = "calendar-check"
        label = _("Due to return")


class CampaignBlock(blocks.StructBlock):
    parameter = blocks.ChoiceBlock(label=_("Parameter"), choices=CAMPAIGN)
    value = blocks.CharBlock(label=_("Value"), max_length=100)

    class Meta:
        icon = "link-external"
        label = _("Came by a campaign’s link")


class HoursBlock(blocks.StructBlock):
    begin = blocks.TimeBlock(label=_("From"))
    end = blocks.TimeBlock(label=_("Until"), help_text=_("May lie before the first: then past midnight."))

    class Meta:
        icon = "time"
        label = _("Time of day")


class SegmentRulesBlock(blocks.StreamBlock):
    """Who belongs. The first four ask what was learned, and hold only for visitors who allow personalization."""

    tag = TagBlock(group=_("What was learned"))
    interactions = InteractionsBlock(group=_("What was learned"))
    last_seen = LastSeenBlock(group=_("What was learned"))
    returns = ReturnBlock(group=_("What was learned"))
    language = blocks.ChoiceBlock(choices=languages, icon="globe", label=_("Language"), group=_("The request"))
    site = blocks.ChoiceBlock(choices=sites, icon="site", label=_("Site"), group=_("The request"))
    device = blocks.ChoiceBlock(choices=DEVICES, icon="mobile-alt", label=_("Device"), group=_("The request"))
    referrer = blocks.ChoiceBlock(choices=REFERRERS, icon="link", label=_("Came from"), group=_("The request"))
    campaign = CampaignBlock(group=_("The request"))
    hours = HoursBlock(group=_("The request"))
    weekdays = blocks.MultipleChoiceBlock(
        choices=WEEKDAYS, icon="calendar", label=_("Day of the week"), group=_("The request")
    )
    signed_in = blocks.ChoiceBlock(
        choices=[("yes", _("Signed in")), ("no", _("Not signed in"))],
        icon="user",
        label=_("Account"),
        group=_("The request"),
    )
    flag = blocks.CharBlock(
        max_length=100,
        icon="tick-inverse",
        label=_("Feature flag"),
        validators=[validate_flag],
        help_text=_("Name of a flag that must be active."),
        group=_("The request"),
    )
