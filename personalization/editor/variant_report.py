"""How reviewing goes, as editors see it: the figures of `manage.py review_report`, drawn, with the tables beside."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import path
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin.menu import MenuItem
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.viewsets.base import ViewSet
from wagtail.permissions import policy_registry

from personalization.editor.plots import Bar, Plot, Series, bar_plot, line_plot
from personalization.editor.read_only import READERS
from personalization.editor.variant_facts import NONE, money_or_unknown
from personalization.experiments.wording import percent
from personalization.variants.choices import Act
from personalization.variants.judging import commented, judgement_report
from personalization.variants.models import ApprovalRecord
from personalization.variants.reporting import Report, Span, Tally, review_report

NAMESPACE = "personalization_variant_report"
PERIODS = {7: _("The last 7 days"), 28: _("The last 4 weeks"), 91: _("The last quarter"), 365: _("The last year")}
USUAL = 28
LONGEST_BY_DAY = 28
MOST_COMMENTS = 20
SUBJECTS = {"model": _("By model"), "template": _("By prompt template"), "slot": _("Recommendations, by slot")}


class PeriodForm(forms.Form):
    days = forms.TypedChoiceField(
        label=_("Period"), choices=list(PERIODS.items()), coerce=int, required=False, empty_value=USUAL
    )


class VariantReportView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Throughput, acceptance, time and cost, and what editors think of drafts."""

    model = ApprovalRecord
    any_permission_required = READERS
    page_title = _("Report on variants")
    header_icon = "table"
    template_name = "personalization/editor/asking/report.html"

    def get_breadcrumbs_items(self) -> list:
        return [*super().get_breadcrumbs_items(), {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict:
        form = PeriodForm(self.request.GET)
        days = form.cleaned_data["days"] if form.is_valid() else USUAL
        report = review_report(days=days)
        return super().get_context_data(
            form=PeriodForm(initial={"days": days}),
            report=report,
            figures=figures_of(report),
            plots=list(plots_of(report)) if report.total.decided else [],
            tables=tables_of(report),
            judgements=judgements(),
            comments=commented()[:MOST_COMMENTS],
            **kwargs,
        )


def figures_of(report: Report) -> list[tuple[str, str]]:
    """What one wants to know first."""
    total = report.total
    return [
        (gettext("Decisions"), number_format(len(total.decided), force_grouping=True)),
        (gettext("Accepted"), NONE if total.acceptance is None else percent(total.acceptance)),
        (gettext("Half decided within"), hours(total.median_hours)),
        (gettext("Nine in ten decided within"), hours(total.p90_hours)),
        (gettext("Variants approved for the first time"), number_format(total.approved_variants)),
        (gettext("Cost of each"), cost(total, report.currency)),
    ]


def tables_of(report: Report) -> list[dict[str, Any]]:
    """By template and by model, all of them in the last row."""
    groups = (
        (gettext("By prompt template"), gettext("Prompt template"), report.by_template),
        (gettext("By model"), gettext("Model"), report.by_model),
    )
    return [
        {
            "title": title,
            "heading": heading,
            "rows": [_row(tally, report.currency) for tally in (*tallies, report.total)],
        }
        for title, heading, tallies in groups
    ]


def _row(tally: Tally, currency: str) -> dict[str, Any]:
    return {
        "label": tally.label,
        "counts": [tally.counts[act] for act in (Act.APPROVED, Act.CHANGES, Act.REJECTED)],
        "acceptance": NONE if tally.acceptance is None else percent(tally.acceptance),
        "median": hours(tally.median_hours),
        "p90": hours(tally.p90_hours),
        "calls": len(tally.called),
        "unknown": tally.unknown_calls,
        "spent": _money(tally, currency),
        "cost": cost(tally, currency),
    }


def plots_of(report: Report) -> Iterator[Plot]:
    """Decisions over time, then what templates and models have in common and what not."""
    is_short = len(report.days) <= LONGEST_BY_DAY
    title = gettext("Decisions each day") if is_short else gettext("Decisions each week, by its Monday")
    yield line_plot(_series(report.days if is_short else report.weeks), title=title, y_label=gettext("decisions"))
    share, dear = gettext("% of the decisions"), report.currency
    for title, tallies, value, label in (
        (gettext("Accepted, by prompt template"), report.by_template, _acceptance, share),
        (gettext("Accepted, by model"), report.by_model, _acceptance, share),
        (gettext("Cost of each approved variant, by model"), report.by_model, _cost, dear),
    ):
        bars = [Bar(tally.label, value(tally)) for tally in tallies]
        if any(bar.value is not None for bar in bars):
            yield bar_plot(bars, title=title, x_label=label)


def _series(spans: Sequence[Span]) -> list[Series]:
    days = [date_format(span.begins, "j M") for span in spans]
    acts = (Act.APPROVED, Act.CHANGES, Act.REJECTED)
    return [
        Series(str(act.label), [(day, span.counts[act]) for day, span in zip(days, spans, strict=True)]) for act in acts
    ]


def _acceptance(tally: Tally) -> float | None:
    return None if tally.acceptance is None else 100 * tally.acceptance


def _cost(tally: Tally) -> float | None:
    return None if tally.cost_per_approved is None else float(tally.cost_per_approved)


def judgements() -> list[dict[str, Any]]:
    """Thumbs up and down, by what they are about; what nobody has judged is left out."""
    found = judgement_report()
    return [{"heading": heading, "rows": found[subject]} for subject, heading in SUBJECTS.items() if found.get(subject)]


def hours(value: float | None) -> str:
    """A time to decision; of less than an hour, in minutes."""
    if value is None:
        return NONE
    if value < 1:
        return gettext("%(number)s min") % {"number": ceil(60 * value)}
    return gettext("%(number)s h") % {"number": number_format(round(value, 1), 1)}


def cost(tally: Tally, currency: str) -> str:
    """What an approved variant cost; unknown where calls were made and none says what it took."""
    if tally.cost_per_approved is not None:
        return f"{money_or_unknown(round(tally.cost_per_approved, 6))} {currency}"
    return gettext("unknown") if tally.money is None else NONE


def _money(tally: Tally, currency: str) -> str:
    if not tally.called:
        return NONE
    return gettext("unknown") if tally.money is None else f"{money_or_unknown(tally.money)} {currency}"


class ReportMenuItem(MenuItem):
    """For those who may read the records that the figures come from."""

    def is_shown(self, request: HttpRequest) -> bool:
        return policy_registry.get_by_type(ApprovalRecord).user_has_any_permission(request.user, READERS)


class VariantReportViewSet(ViewSet):
    name = NAMESPACE
    url_prefix = "personalization/variant-report"
    icon = "table"
    menu_label = _("Report")
    menu_name = "variant-report"
    menu_item_class = ReportMenuItem

    def get_urlpatterns(self) -> list:
        return [path("", self.construct_view(VariantReportView), name="index")]
