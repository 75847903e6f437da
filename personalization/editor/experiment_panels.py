"""The forms of a draft, one for each step of its making."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import (
    FieldPanel,
    FieldRowPanel,
    HelpPanel,
    InlinePanel,
    MultiFieldPanel,
    ObjectList,
    TitleFieldPanel,
)
from wagtail.admin.widgets.slug import SlugInput

from personalization.editor.experiment_forms import (
    ArmForm,
    ArmFormSet,
    ArmsForm,
    MetricFormSet,
    NamespaceForm,
    VisitorsForm,
)
from personalization.editor.experiment_plan import PlanPanel


class RowsPanel(InlinePanel):
    """Rows of a kind, with a form for each or all of them."""

    def __init__(self, *args: Any, row: type | None = None, rows: type | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row, self.rows = row, rows

    def clone_kwargs(self) -> dict:
        return {**super().clone_kwargs(), "row": self.row, "rows": self.rows}

    def get_form_options(self) -> dict:
        options = super().get_form_options()
        given = {"form": self.row, "formset": self.rows}
        options["formsets"][self.relation_name] |= {name: value for name, value in given.items() if value}
        return options


@dataclass(frozen=True)
class Step:
    """One page of the way from an idea to a test."""

    name: str
    label: Any
    panel: ObjectList


WHAT = [
    HelpPanel(
        _(
            "<p>An experiment shows some visitors the slot as it is, and others something else. Say first what you "
            "expect: who writes it down before cannot be fooled by figures afterwards.</p>"
        )
    ),
    TitleFieldPanel("name", targets=["key"], classname="", placeholder=False),
    FieldPanel("key", widget=SlugInput()),
    FieldPanel("slot", widget=forms.Select),
    FieldPanel("hypothesis", widget=forms.Textarea(attrs={"rows": 3})),
]
ARM = [
    FieldRowPanel([FieldPanel("name"), FieldPanel("key")]),
    FieldRowPanel([FieldPanel("is_control"), FieldPanel("weight")]),
    FieldPanel("personalizes"),
    FieldRowPanel([FieldPanel("policy"), FieldPanel("model_version")]),
    FieldRowPanel([FieldPanel("heading"), FieldPanel("wording")]),
    FieldRowPanel([FieldPanel("diversity"), FieldPanel("freshness")]),
    FieldPanel("levels"),
]
ARMS = [
    HelpPanel(
        _(
            "<p>An arm is one way the slot can be. The control is what all others are compared with: leave its fields "
            "empty and it is the slot as it stands. Change one thing at a time: then you know what made the "
            "difference. Weights are shares: 1 and 1 are halves.</p>"
        )
    ),
    RowsPanel("arms", panels=ARM, heading=_("Arms"), label=_("arm"), min_num=2, row=ArmForm, rows=ArmFormSet),
    MultiFieldPanel(
        [
            FieldPanel("allocation"),
            FieldRowPanel([FieldPanel("floor"), FieldPanel("holdback"), FieldPanel("half_life_days")]),
        ],
        heading=_("How visitors are divided"),
        classname="collapsed",
    ),
]
METRIC = [
    FieldRowPanel([FieldPanel("measure"), FieldPanel("role")]),
    FieldRowPanel([FieldPanel("scope"), FieldPanel("direction")]),
    FieldRowPanel([FieldPanel("goal"), FieldPanel("cap"), FieldPanel("margin")]),
]
METRICS = [
    HelpPanel(
        _(
            "<p>A goal decides; one is best. A guardrail must not get worse, such as the time people spend on the "
            "site. Secondary metrics help to understand.</p>"
        )
    ),
    RowsPanel("metrics", panels=METRIC, heading=_("Metrics"), label=_("metric"), min_num=1, rows=MetricFormSet),
    FieldPanel("window_days"),
    MultiFieldPanel(
        [
            FieldPanel("method"),
            FieldRowPanel([FieldPanel("alpha"), FieldPanel("correction"), FieldPanel("prior_sd")]),
            FieldPanel("adjusts"),
            FieldPanel("stratifies"),
        ],
        heading=_("Statistics"),
        classname="collapsed",
    ),
]
VISITORS = [
    FieldRowPanel([FieldPanel("coverage"), FieldPanel("holdout")]),
    MultiFieldPanel(
        [
            FieldRowPanel([FieldPanel("minimum_effect"), FieldPanel("power"), FieldPanel("planned_visitors")]),
            PlanPanel(),
        ],
        heading=_("How many are needed"),
    ),
    FieldRowPanel([FieldPanel("starts_at"), FieldPanel("ends_at")]),
    MultiFieldPanel(
        [
            FieldPanel("segments", widget=forms.CheckboxSelectMultiple),
            FieldPanel("sites", widget=forms.CheckboxSelectMultiple),
            FieldRowPanel([FieldPanel("locales"), FieldPanel("devices")]),
            FieldPanel("flag"),
        ],
        heading=_("Only for some"),
        classname="collapsed",
    ),
    MultiFieldPanel(
        [
            HelpPanel(
                _(
                    "<p>Two experiments that take parts of one namespace which do not overlap, such as from 0 to 0.5 "
                    "and from 0.5 to 1, never share a visitor.</p>"
                )
            ),
            RowsPanel(
                "namespaces",
                panels=[FieldRowPanel([FieldPanel("namespace"), FieldPanel("start"), FieldPanel("end")])],
                label=_("namespace"),
                row=NamespaceForm,
            ),
        ],
        heading=_("Keep apart from other experiments"),
        classname="collapsed",
    ),
]
STEPS = (
    Step("what", _("What and where"), ObjectList(WHAT)),
    Step("arms", _("Arms"), ObjectList(ARMS, base_form_class=ArmsForm)),
    Step("metrics", _("Metrics"), ObjectList(METRICS)),
    Step("visitors", _("Who and how many"), ObjectList(VISITORS, base_form_class=VisitorsForm)),
)
