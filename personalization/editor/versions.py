"""Model versions: where each came from, how it measured, and which one serves."""

from django.urls import path, reverse
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import Column, DateColumn, StatusTagColumn
from wagtail.admin.views import generic
from wagtail.admin.widgets.button import Button, HeaderButton

from personalization.editor.comparison import CompareView
from personalization.editor.holdout import gate_of, headline, history_plot, holdout_plot, holdout_rows
from personalization.editor.read_only import ReadOnlyIndexView, ReadOnlyViewSet
from personalization.editor.training import TrainingPanelMixin, cause_of
from personalization.editor.version_changes import (
    NAMESPACE,
    ArchiveView,
    PromoteView,
    RollBackView,
    changes_of,
    may_change,
    may_promote,
)
from personalization.editor.words import scorer_label
from personalization.training.models import ModelVersion

MOST_PLOTTED = 30


def ndcg_column(name: str, label: str) -> Column:
    return Column(name, label=label, accessor=lambda version: _figure(headline(version.metrics)[name]))


def _figure(value: float | None) -> str:
    return "–" if value is None else number_format(round(value, 4), 4)


def verdict_of(version: ModelVersion) -> str:
    """In the reader's language what the gate did not like, or how good it is; of older versions in their words."""
    checks = gate_of(version.metrics)
    failed = [check for check in checks if not check.passed]
    good = [check for check in checks if check.criterion in ("popularity", "serving")]
    return " ".join(check.sentence for check in failed or good) or version.verdict


class VersionIndexView(TrainingPanelMixin, ReadOnlyIndexView):
    template_name = "personalization/editor/version_index.html"
    empty_text = _(
        "No model versions yet: a version is what a training run has learned from visitors. Until one serves, slots "
        "rank by texts, popularity and your own order."
    )

    def get_list_more_buttons(self, instance: ModelVersion) -> list:
        buttons = super().get_list_more_buttons(instance)
        if may_promote(instance) and self.user_has_permission("change"):
            url = reverse(f"{NAMESPACE}:promote", args=[instance.pk])
            buttons.append(Button(gettext("Promote"), url=url, icon_name="upload", priority=30))
        return [*buttons, Button(gettext("Compare"), url=compare_address(instance), icon_name="list-ul", priority=40)]

    def get_context_data(self, *args, **kwargs) -> dict:
        newest = ModelVersion.objects.order_by("-created_at").only("created_at", "metrics")[:MOST_PLOTTED]
        return super().get_context_data(*args, plot=history_plot(list(newest)[::-1]), **kwargs)


def compare_address(version: ModelVersion) -> str:
    return f"{reverse(f'{NAMESPACE}:compare')}?second={version.pk}"


class VersionInspectView(generic.InspectView):
    """One version: where it came from, what the gate said, and its hold-out table."""

    page_title = _("Model version")
    template_name = "personalization/editor/version.html"

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]

    @cached_property
    def header_buttons(self) -> list:
        compare = HeaderButton(gettext("Compare"), url=compare_address(self.object), icon_name="list-ul")
        return [*(changes_of(self.object) if may_change(self.request) else ()), compare]

    def get_context_data(self, **kwargs) -> dict:
        metrics, parameters = self.object.metrics, self.object.parameters
        return super().get_context_data(
            rows=holdout_rows(metrics),
            plot=holdout_plot(metrics),
            judges=metrics.get("visitors"),
            checks=gate_of(metrics),
            members=[
                {"label": scorer_label(name), "weight": parameters.get("weights", {}).get(name), "params": params}
                for name, params in parameters.get("members", {}).items()
            ],
            **kwargs,
        )


def facts_of(version: ModelVersion) -> list[tuple[str, object]]:
    learned = gettext("%(interactions)s interactions of %(visitors)s visitors with %(items)s items") % {
        name: number_format(getattr(version, name), force_grouping=True)
        for name in ("interactions", "visitors", "items")
    }
    return [
        (gettext("Status"), version.get_status_display()),
        (gettext("Verdict"), verdict_of(version) or "–"),
        (gettext("Learned from"), learned),
        (gettext("From"), version.data_from or "–"),
        (gettext("Until"), version.data_until or "–"),
        (gettext("Hash of the data"), version.data_hash[:12] or "–"),
        (gettext("Made by the code"), version.code_version or "–"),
        (gettext("Made"), version.created_at),
        (gettext("Asked for by"), cause_of(version.run)),
        (gettext("What served then"), version.parent or gettext("nothing")),
        (gettext("Promoted"), version.promoted_at or gettext("never")),
        (gettext("Promoted by"), version.promoted_by or (gettext("the gate") if version.promoted_at else "–")),
        (gettext("Files"), version.artifact or gettext("deleted: only the newest versions keep theirs")),
    ]


class ModelVersionViewSet(ReadOnlyViewSet):
    model = ModelVersion
    name = NAMESPACE
    url_prefix = "personalization/model-versions"
    icon = "cogs"
    menu_label = _("Model versions")
    index_view_class = VersionIndexView
    inspect_view_class = VersionInspectView
    actions = ("view", "change")
    list_filter = ["status"]
    ordering = "-created_at"
    list_display = [
        "__str__",
        StatusTagColumn(
            "status",
            label=_("Status"),
            accessor="get_status_display",
            primary=lambda version: version.status == ModelVersion.Status.PROMOTED,
            sort_key="status",
        ),
        ndcg_column("version", _("NDCG@10")),
        ndcg_column("popularity", _("NDCG@10 of popularity")),
        Column("interactions", label=_("Interactions"), sort_key="interactions"),
        Column("verdict", label=_("Verdict"), accessor=verdict_of),
        DateColumn("created_at", label=_("Made"), sort_key="created_at"),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("compare/", self.construct_view(CompareView), name="compare"),
            path("<int:pk>/promote/", self.construct_view(PromoteView), name="promote"),
            path("<int:pk>/archive/", self.construct_view(ArchiveView), name="archive"),
            path("roll-back/", self.construct_view(RollBackView), name="roll_back"),
        ]
