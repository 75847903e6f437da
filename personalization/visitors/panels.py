"""The segment's form."""

from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel

SEGMENT_PANELS = [
    MultiFieldPanel(
        [FieldRowPanel([FieldPanel("name"), FieldPanel("key")]), FieldPanel("description")],
        heading=_("What it is"),
    ),
    MultiFieldPanel(
        [
            HelpPanel(
                _(
                    "<p>Rules about what was learned hold only for visitors who allow personalization. "
                    "Rules about the request hold for anybody. A segment without rules is empty.</p>"
                )
            ),
            FieldPanel("match"),
            FieldPanel("rules"),
        ],
        heading=_("Who belongs to it"),
    ),
]
