"""Variants as editors keep them: the list, the form, the page of each one beside its original, and the queue."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn, StatusTagColumn
from wagtail.admin.widgets import BooleanRadioSelect
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.snippets.views.snippets import IndexView, SnippetViewSet

from personalization.editor.asking_buttons import ask_buttons
from personalization.editor.variant_access import READERS
from personalization.editor.variant_edit import RetireView, SubmitView, VariantCreateView, VariantEditView, address
from personalization.editor.variant_facts import (
    audience,
    findings_summary,
    made_by,
    source_title,
    state_label,
    with_waiting_since,
)
from personalization.editor.variant_form import PANEL
from personalization.editor.variant_review import FrameView, ReviewView
from personalization.editor.variant_workflow import VariantWorkflowActionView
from personalization.experiments.retiring import proposed
from personalization.variants.choices import WAITING, State
from personalization.variants.generators.current import availability
from personalization.variants.models import Variant
from personalization.visitors.models import Segment


class VariantFilterSet(WagtailFilterSet):
    state = django_filters.MultipleChoiceFilter(label=_("State"), choices=State.choices)
    segment = django_filters.ModelChoiceFilter(
        label=_("Segment"), queryset=Segment.objects.all(), null_label=_("For everybody"), null_value="none"
    )
    is_ai = django_filters.BooleanFilter(label=_("AI-made"), method="filter_ai", widget=BooleanRadioSelect)
    is_losing = django_filters.BooleanFilter(
        label=_("Proposed for retirement"), method="filter_losing", widget=BooleanRadioSelect
    )
    model = django_filters.AllValuesFilter(label=_("Model"), empty_label=_("All models"))
    label = django_filters.AllValuesFilter(label=_("Label"), empty_label=_("All labels"))

    class Meta:
        model = Variant
        fields = ["state", "segment", "is_ai", "is_losing", "model", "label"]

    def filter_losing(self, variants: QuerySet[Variant], name: str, value: bool) -> QuerySet[Variant]:
        losing = proposed().values("pk")
        return variants.filter(pk__in=losing) if value else variants.exclude(pk__in=losing)

    def filter_ai(self, variants: QuerySet[Variant], name: str, value: bool) -> QuerySet[Variant]:
        return variants.exclude(drafted={}) if value else variants.filter(drafted={})


class VariantIndexView(IndexView):
    results_template_name = "personalization/editor/variant/index_results.html"
    any_permission_required = READERS

    def get_base_queryset(self) -> QuerySet[Variant]:
        return with_waiting_since(
            super()
            .get_base_queryset()
            .select_related("item", "slot", "segment", "locale", "latest_revision")
            .defer("item__text")
        )

    @cached_property
    def is_unfiltered(self) -> bool:
        return not self.is_searching and not self.is_filtering

    @cached_property
    def header_buttons(self) -> list:
        queue = HeaderButton(gettext("Queue"), url=reverse("personalization_queue:index"), icon_name="clipboard-list")
        return [*super().header_buttons, *ask_buttons(self.request.user, HeaderButton), queue]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        available, user = availability(), self.request.user
        may_ask = user.has_perm("personalization.generate_variant")
        asking_url = reverse("personalization_requests:ask") if may_ask and available.is_ready else ""
        return super().get_context_data(asking_url=asking_url, available=available, may_ask=may_ask, **kwargs)

    def get_list_more_buttons(self, instance: Variant) -> list:
        buttons = [button for button in super().get_list_more_buttons(instance) if button.icon_name != "info-circle"]
        look = Button(gettext("Review"), url=address("review", instance), icon_name="view", priority=15)
        return [*buttons, look]


class VariantViewSet(SnippetViewSet):
    model = Variant
    url_namespace = "personalization_variants"
    url_prefix = "personalization/variants"
    icon = "edit"
    menu_label = _("Variants")
    index_view_class = VariantIndexView
    index_results_template_name = VariantIndexView.results_template_name
    add_view_class = VariantCreateView
    edit_view_class = VariantEditView
    workflow_action_view_class = VariantWorkflowActionView
    inspect_view_enabled = True
    inspect_view_class = ReviewView
    inspect_template_name = ReviewView.template_name
    copy_view_enabled = False
    edit_handler = PANEL
    filterset_class = VariantFilterSet
    search_fields = ["headline", "summary", "label", "item__title"]
    search_backend_name = None
    list_per_page = 50
    ordering = "-created_at"
    list_display = [
        "__str__",
        StatusTagColumn(
            "state",
            label=_("State"),
            accessor=state_label,
            primary=lambda variant: variant.state == State.APPROVED,
            sort_key="state",
        ),
        Column("source", label=_("Original"), accessor=source_title, sort_key="item__title"),
        Column("segment", label=_("For"), accessor=audience, sort_key="segment__name"),
        Column("locale", label=_("Language"), sort_key="locale"),
        Column("made_by", label=_("Written by"), accessor=made_by, sort_key="model"),
        Column("findings", label=_("Findings"), accessor=findings_summary),
        DateColumn(
            "waiting_since",
            label=_("Waiting since"),
            accessor=lambda variant: variant.waiting_since if variant.state in WAITING else None,
            sort_key="waiting_since",
        ),
    ]

    def get_permissions_to_register(self):
        """Offer groups no permission to publish: it would mean nothing."""
        return super().get_permissions_to_register().exclude(codename="publish_variant")

    def get_urlpatterns(self) -> list:
        row = f"<{self.pk_path_converter}:pk>"
        return [
            *super().get_urlpatterns(),
            path(f"{row}/review/", self.inspect_view, name="review"),
            path(f"{row}/frame/", self.construct_view(FrameView), name="frame"),
            path(f"{row}/submit/", self.construct_view(SubmitView), name="submit"),
            path(f"{row}/retire/", self.construct_view(RetireView), name="retire"),
        ]

    def register_chooser_viewset(self) -> None:
        """Nothing chooses variants by a window, so there is none to show drafts to all who may enter the admin."""
