"""How much of each tag is expected to be read in the next two weeks, beside what was read."""

from datetime import date, timedelta

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.admin.views import generic

from personalization.editor.plots import Plot, Series, line_plot
from personalization.editor.read_only import ReadOnlyIndexView, ReadOnlyViewSet
from personalization.events.models import TagForecast

SHOWN_DAYS = 42
MOST_LINES = 5
METHODS = {
    "ets": _("Exponential smoothing with a weekly pattern"),
    "weekdays": _("Mean of the last four same weekdays"),
}


def _days(today: date, first: int, end: int) -> list[str]:
    return [date_format(today + timedelta(days=number), "j M") for number in range(first, end)]


def plot_of(forecast: TagForecast) -> Plot:
    """What was read of one tag, what is expected, and the bounds of the expectation."""
    past = forecast.history[-SHOWN_DAYS:]
    told = (
        (gettext("Expected"), forecast.mean),
        (gettext("At least"), forecast.low),
        (gettext("At most"), forecast.high),
    )
    days = _days(forecast.today, -len(past), len(forecast.mean))
    before = [None] * len(past)
    lines = [Series(name, [*zip(days, [*before, *values], strict=True)]) for name, values in told]
    return line_plot(
        [Series(gettext("Read"), [*zip(days, [*past, *[None] * len(forecast.mean)], strict=True)]), *lines],
        title=gettext("Readings of “%(tag)s”, day by day") % {"tag": forecast.tag},
        y_label=gettext("readings"),
    )


def plot_of_most(forecasts: list[TagForecast]) -> Plot:
    """The expectations for the tags read most, in one picture."""
    days = _days(forecasts[0].today, 0, len(forecasts[0].mean))
    return line_plot(
        [Series(row.tag, list(zip(days, row.mean, strict=True))) for row in forecasts],
        title=gettext("What is expected to be read most"),
        y_label=gettext("readings a day"),
    )


def change_of(forecast: TagForecast) -> str:
    """By how many percent the next two weeks differ from the last."""
    if not forecast.lately:
        return "–"
    change = round(100 * (forecast.expected / forecast.lately - 1))
    return f"{change:+d} %"


def _number_column(name: str, label: str) -> Column:
    return Column(name, label=label, accessor=lambda row: number_format(round(getattr(row, name))), sort_key=name)


class DemandIndexView(ReadOnlyIndexView):
    template_name = "personalization/editor/demand_index.html"
    empty_text = _(
        "No forecast yet: one is made every night from what visitors who allow analytics read, for the tags read most. "
        "“manage.py forecast” makes one at once."
    )

    def get_context_data(self, *args, **kwargs) -> dict:
        most = list(TagForecast.objects.all()[:MOST_LINES])
        return super().get_context_data(*args, plot=plot_of_most(most) if most else None, **kwargs)


class DemandInspectView(generic.InspectView):
    page_title = _("Demand forecast")
    template_name = "personalization/editor/demand.html"

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(plot=plot_of(self.object), **kwargs)


def facts_of(forecast: TagForecast) -> list[tuple[str, object]]:
    return [
        (gettext("Read in the last two weeks"), number_format(round(forecast.lately))),
        (gettext("Expected in the next two weeks"), number_format(round(forecast.expected))),
        (gettext("Change"), change_of(forecast)),
        (gettext("Made by"), METHODS.get(forecast.method, forecast.method)),
        (gettext("Made"), forecast.made_at),
    ]


class DemandViewSet(ReadOnlyViewSet):
    model = TagForecast
    name = "personalization_demand"
    url_prefix = "personalization/demand"
    icon = "calendar-alt"
    menu_label = _("Demand forecast")
    index_view_class = DemandIndexView
    inspect_view_class = DemandInspectView
    search_fields = ["tag"]
    list_per_page = 50
    ordering = "-expected"
    list_display = [
        "tag",
        _number_column("lately", _("Last two weeks")),
        _number_column("expected", _("Next two weeks")),
        Column("change", label=_("Change"), accessor=change_of),
        DateColumn("made_at", label=_("Made"), sort_key="made_at"),
    ]
