"""The slot's form, from what an editor thinks of first to what is rarely changed."""

from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel

SLOT_PANELS = [
    MultiFieldPanel(
        [
            FieldRowPanel([FieldPanel("name"), FieldPanel("key")]),
            FieldPanel("heading"),
            FieldPanel("text"),
            FieldRowPanel([FieldPanel("size"), FieldPanel("template")]),
        ],
        heading=_("What it is"),
    ),
    MultiFieldPanel(
        [
            HelpPanel(_("<p>What may appear here. Left as it is: everything the site shows.</p>")),
            FieldPanel("pool_types"),
            FieldPanel("pool"),
            FieldRowPanel([FieldPanel("pool_tags"), FieldPanel("pool_tags_match")]),
            FieldRowPanel([FieldPanel("max_age_days"), FieldPanel("languages")]),
        ],
        heading=_("Pool"),
    ),
    MultiFieldPanel(
        [
            FieldPanel("policy"),
            FieldRowPanel([FieldPanel("diversity"), FieldPanel("freshness")]),
            FieldRowPanel([FieldPanel("max_per_tag"), FieldPanel("max_per_section"), FieldPanel("frequency_cap")]),
            FieldPanel("demote_read"),
        ],
        heading=_("Order"),
    ),
    MultiFieldPanel(
        [
            HelpPanel(_("<p>These hold whatever the ranking says. Drag them to sort them.</p>")),
            FieldPanel("rules"),
        ],
        heading=_("Rules"),
    ),
    MultiFieldPanel(
        [
            HelpPanel(
                _("<p>Left as it is, a slot works well. Fixed orders, such as the newest first, are left alone.</p>")
            ),
            FieldPanel("diversity_method"),
            FieldPanel("calibration"),
            FieldPanel("fatigue"),
            FieldPanel("dismissible"),
            FieldPanel("fair_by"),
            FieldPanel("fair_tags"),
            FieldPanel("exploration"),
        ],
        heading=_("Advanced"),
        classname="collapsed",
    ),
    MultiFieldPanel([FieldPanel("personalizes"), FieldPanel("flag")], heading=_("Kill switch")),
]
