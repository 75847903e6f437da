"""Model health: what was measured, what is wrong with it, and what people can do about it."""

from collections.abc import Iterator

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView, View
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton
from wagtail.permission_policies import ModelPermissionPolicy

from personalization import tasks
from personalization.editor.health_words import (
    EXPLANATIONS,
    change_of,
    limit_of,
    name_of,
    slice_name,
    value_of,
)
from personalization.editor.plots import Bar, Plot, Series, bar_plot, line_plot
from personalization.editor.read_only import ReadOnlyViewSet
from personalization.editor.thresholds import ThresholdsForm
from personalization.monitoring import alerts
from personalization.monitoring.measures import FAMILIES, MEASURES, UNITS, Measure, Unit
from personalization.monitoring.models import Alert, AlertSubscription, Reading, Threshold
from personalization.training.models import ModelVersion

NAMESPACE = "personalization_health"
MOST_ALERTS = 30
MOST_POINTS = 90
# What a measure was made of, where that is worth a picture of its own.
FIGURES = {
    "level": _("Last seven days"),
    "reference": _("Reference"),
    "stated": _("Expected"),
    "happened": _("Clicked"),
}

STATUS_CLASSES = {
    Reading.Status.OK: "w-status--label",
    Reading.Status.WARN: "w-status--label slot-status--warn",
    Reading.Status.ALERT: "w-status--label slot-status--alert",
    Reading.Status.TOO_LITTLE: "w-status--label slot-status--quiet",
}


def may(request: HttpRequest, model: type, action: str) -> bool:
    return ModelPermissionPolicy(model).user_has_permission(request.user, action)


def described(reading: Reading) -> dict[str, object]:
    """A reading as a row of a table."""
    return {
        "metric": reading.metric,
        "label": reading.measure.label,
        "value": value_of(reading),
        "unit": UNITS[reading.measure.unit],
        "warn": limit_of(reading, reading.warn),
        "alert": limit_of(reading, reading.alert),
        "status": reading.get_status_display(),
        "status_class": STATUS_CLASSES[reading.status],
        "change": change_of(reading),
    }


class HealthPage(PermissionCheckedMixin, WagtailAdminTemplateMixin):
    """What the pages of model health share."""

    model = Reading
    any_permission_required = ["view"]
    header_icon = "success"

    def get_breadcrumbs_items(self) -> list:
        root = {"url": reverse(f"{NAMESPACE}:index"), "label": gettext("Model health")}
        own = [] if isinstance(self, HealthView) else [{"url": "", "label": self.get_page_title()}]
        return [*super().get_breadcrumbs_items(), root, *own]


class HealthView(HealthPage, TemplateView):
    """The latest readings, the open alerts, and those of the past."""

    page_title = _("Model health")
    template_name = "personalization/editor/health.html"

    @cached_property
    def header_buttons(self) -> list:
        if not may(self.request, Threshold, "change"):
            return []
        return [HeaderButton(gettext("Thresholds"), url=reverse(f"{NAMESPACE}:thresholds"), icon_name="sliders")]

    def get_context_data(self, **kwargs) -> dict:
        known = Reading.objects.whole().latest_of_each().select_related("version")
        readings = [reading for reading in known if reading.metric in MEASURES]
        return super().get_context_data(
            latest=readings[0] if readings else None,
            families=list(_by_family(readings)),
            open_alerts=_known(Alert.objects.open().select_related("retraining", "acknowledged_by")),
            past_alerts=_known(Alert.objects.exclude(recovered_at=None)[:MOST_ALERTS]),
            serving=ModelVersion.objects.promoted(),
            is_subscribed=AlertSubscription.objects.filter(user=self.request.user).exists(),
            may_measure=may(self.request, Reading, "add"),
            may_acknowledge=may(self.request, Alert, "change"),
            **kwargs,
        )


def _known(found) -> list[Alert]:
    return [alert for alert in found if alert.metric in MEASURES]


def _by_family(readings: list[Reading]) -> Iterator[dict[str, object]]:
    by_metric = {reading.metric: reading for reading in readings}
    for family, heading in FAMILIES.items():
        rows = [
            described(by_metric[name])
            for name, measure in MEASURES.items()
            if measure.family == family and name in by_metric
        ]
        if rows:
            yield {"key": family, "heading": heading, "rows": rows}


class MeasureView(HealthPage, TemplateView):
    """One measure: how it went over time, and what it is made of now."""

    template_name = "personalization/editor/measure.html"

    @cached_property
    def measure(self) -> Measure:
        try:
            return MEASURES[self.kwargs["metric"]]
        except KeyError:
            raise Http404 from None

    def get_page_title(self) -> str:
        return str(self.measure.label)

    def get_context_data(self, **kwargs) -> dict:
        history = list(Reading.objects.whole().filter(metric=self.measure.name)[:MOST_POINTS])[::-1]
        latest = history[-1] if history else None
        parts = latest and Reading.objects.filter(metric=latest.metric, measured_at=latest.measured_at)
        return super().get_context_data(
            explanation=EXPLANATIONS[self.measure.unit],
            latest=latest,
            row=latest and described(latest),
            detail=latest and latest.detail,
            plots=list(_plots(self.measure, history, parts.exclude(slice="").order_by("pk"))) if latest else [],
            **kwargs,
        )


def _plots(measure: Measure, history: list[Reading], parts) -> Iterator[Plot]:
    days = [date_format(reading.measured_at, "j M") for reading in history]
    values = Series(str(measure.label), list(zip(days, (reading.value for reading in history), strict=True)))
    unit, latest = str(UNITS[measure.unit]), history[-1]
    yield line_plot([values], title=gettext("Over time"), y_label=unit, threshold=latest.alert)
    figures = [
        Series(str(label), list(zip(days, (reading.detail.get(name) for reading in history), strict=True)))
        for name, label in FIGURES.items()
        if name in latest.detail
    ]
    if figures:
        y_label = gettext("share") if measure.unit == Unit.SHARE else str(measure.label)
        yield line_plot(figures, title=gettext("The figure itself"), y_label=y_label)
    if latest.detail.get("largest") and "shift" not in latest.detail:
        yield bar_plot(list(_changes(latest)), title=gettext("What changed most"), x_label=gettext("share"))
    bars = [Bar(slice_name(part.slice), part.detail["level"]) for part in parts]
    if bars:
        yield bar_plot(bars, title=gettext("Clicks per impression"), x_label=gettext("share"))


def _changes(reading: Reading) -> Iterator[Bar]:
    for word, before, after in reading.detail["largest"]:
        name = name_of(reading.metric, word)
        yield Bar(name, before, series=gettext("Reference"))
        yield Bar(name, after, series=gettext("Last seven days"))


class MeasureNowView(PermissionCheckedMixin, View):
    """Ask a worker to measure."""

    model = Reading
    permission_required = "add"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        tasks.enqueue(tasks.measure_drift)
        messages.success(request, gettext("A worker measures now. Look again in a moment."))
        return redirect(f"{NAMESPACE}:index")


class SubscribeView(PermissionCheckedMixin, View):
    """Get alerts by email, or no longer."""

    model = Reading
    permission_required = "view"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        wanted = request.POST.get("wanted") == "1"
        alerts.subscribe(user=request.user, wanted=wanted)
        if wanted and not request.user.email:
            messages.warning(request, gettext("Your account has no email address: enter one to get alerts."))
        elif wanted:
            messages.success(request, gettext("Alerts will be sent to %s.") % request.user.email)
        else:
            messages.success(request, gettext("You get no more alerts by email."))
        return redirect(f"{NAMESPACE}:index")


class AcknowledgeView(PermissionCheckedMixin, View):
    """Take notice of an alert, so that it leaves the dashboard."""

    model = Alert
    permission_required = "change"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        alert = get_object_or_404(Alert.objects.unseen(), pk=pk)
        alerts.acknowledge(alert=alert, user=request.user)
        messages.success(request, gettext("“%s” is acknowledged. It stays open until it is back to normal.") % alert)
        return redirect(f"{NAMESPACE}:index")


class ThresholdsView(HealthPage, FormView):
    """From which values on each measure is watched, and raises an alert."""

    model = Threshold
    any_permission_required = ["change"]
    page_title = _("Thresholds")
    template_name = "personalization/editor/thresholds.html"
    form_class = ThresholdsForm

    def form_valid(self, form: ThresholdsForm) -> HttpResponse:
        form.save()
        messages.success(self.request, gettext("The thresholds are saved. They count from the next measurement on."))
        return redirect(f"{NAMESPACE}:index")


class HealthViewSet(ReadOnlyViewSet):
    model = Reading
    name = NAMESPACE
    url_prefix = "personalization/model-health"
    icon = "success"
    menu_label = _("Model health")
    index_view_class = HealthView
    actions = ("view", "add")

    def get_urlpatterns(self) -> list:
        return [
            path("", self.construct_view(HealthView), name="index"),
            path("measure/", self.construct_view(MeasureNowView), name="measure"),
            path("subscribe/", self.construct_view(SubscribeView), name="subscribe"),
            path("thresholds/", ThresholdsView.as_view(), name="thresholds"),
            path("alerts/<int:pk>/acknowledge/", AcknowledgeView.as_view(), name="acknowledge"),
            path("<slug:metric>/", self.construct_view(MeasureView), name="inspect"),
        ]
