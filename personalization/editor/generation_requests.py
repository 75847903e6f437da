"""Requests for variants: the list, a page for each with live progress, and the buttons that stop and resume."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, StatusTagColumn, TitleColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton

from personalization import tasks
from personalization.editor import asked
from personalization.editor.asking import AskView, EstimateView
from personalization.editor.asking_buttons import ask_buttons
from personalization.editor.asking_policy import policy
from personalization.editor.read_only import READERS, ReadOnlyIndexView, ReadOnlyViewSet
from personalization.variants import generation
from personalization.variants.choices import PartStatus, RequestStatus, Words
from personalization.variants.models import GenerationRequest

NAMESPACE = "personalization_requests"


def asked_at(request: GenerationRequest) -> str:
    return date_format(localtime(request.created_at), "SHORT_DATETIME_FORMAT")


def address(request: GenerationRequest) -> str:
    return reverse(f"{NAMESPACE}:inspect", args=[request.pk])


class RequestIndexView(ReadOnlyIndexView):
    empty_text = _(
        "Nothing has been asked yet: choose some items or slots and, if you like, segments, and a language model "
        "drafts other words for them. Nobody sees a draft before a person has approved it."
    )

    def get_base_queryset(self):
        return asked.with_counts(super().get_base_queryset().select_related("requested_by", "template"))

    @cached_property
    def header_buttons(self) -> list:
        return ask_buttons(self.request.user, HeaderButton)


class RequestInspectView(generic.InspectView):
    page_title = _("Request for variants")
    template_name = "personalization/editor/asking/request.html"

    def get_object(self, queryset=None) -> GenerationRequest:
        found = GenerationRequest.objects.select_related("requested_by", "template", "locale")
        return get_object_or_404(found, pk=self.pk)

    def get_page_subtitle(self) -> str:
        return asked_at(self.object)

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(**state_of(self.object, self.request), **kwargs)


class ProgressView(PermissionCheckedMixin, TemplateView):
    """The live pieces of a request's page, asked for again while it is under way."""

    model = GenerationRequest
    any_permission_required = READERS
    template_name = "personalization/editor/asking/request_state.html"

    def get_context_data(self, **kwargs) -> dict:
        found = get_object_or_404(GenerationRequest, pk=self.kwargs["pk"])
        return super().get_context_data(**state_of(found, self.request), **kwargs)


def state_of(asked_for: GenerationRequest, request: HttpRequest) -> dict:
    """How what was asked for stands, and what this person may do about it."""
    may_change = policy.user_has_permission_for_instance(request.user, "change", asked_for)
    progress = generation.progress(asked_for)
    is_active = asked_for.status in asked.UNDER_WAY
    return {
        "asked": asked_for,
        "is_active": is_active,
        "progress": progress,
        "done": progress.counts[PartStatus.DONE],
        "failed": progress.counts[PartStatus.FAILED],
        "spent": asked.spent(progress),
        "parts": list(asked.parts_of(asked_for)),
        "calls": list(asked.calls_of(asked_for)),
        "may_stop": may_change and is_active,
        "may_resume": may_change and any(progress.counts[status] for status in generation.UNDONE),
    }


def facts_of(request: GenerationRequest) -> list[tuple[str, object]]:
    labels = dict(Words.choices)
    wanted = [str(labels.get(name, name)) for name in request.fields]
    wanted += [gettext("Image")] if request.draws_image else []
    return [
        (gettext("Asked by"), request.requested_by or asked.NONE),
        (gettext("Asked"), request.created_at),
        (gettext("Prompt template"), request.template),
        (gettext("What to write"), ", ".join(wanted)),
        (gettext("Alternatives of each"), request.alternatives),
        (gettext("Language"), request.locale or gettext("the source’s own")),
        (gettext("Note to the model"), request.note or asked.NONE),
    ]


class ChangeView(PermissionCheckedMixin, View):
    """What stopping and resuming share: they are for whoever has asked, and for those who may change requests."""

    model = GenerationRequest
    http_method_names = ["post"]

    @cached_property
    def object(self) -> GenerationRequest:
        if not policy.user_has_any_permission(self.request.user, READERS):
            raise PermissionDenied  # nobody learns from the answer which requests there are
        return get_object_or_404(GenerationRequest, pk=self.kwargs["pk"])

    def dispatch(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not policy.user_has_permission_for_instance(request.user, "change", self.object):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        self.change()
        return redirect(f"{NAMESPACE}:inspect", self.object.pk)


class StopView(ChangeView):
    """Begin no further part, and break off what runs."""

    def change(self) -> None:
        generation.stop(request=self.object, user=self.request.user)
        messages.success(self.request, gettext("Stopped. What has been drafted stays; the rest can be resumed."))


class ResumeView(ChangeView):
    """Ask again for what was stopped or has failed."""

    def change(self) -> None:
        tasks.generate(generation.resume(request=self.object, user=self.request.user))
        messages.success(self.request, gettext("Resumed: a worker goes on with what is not done."))


class GenerationRequestViewSet(ReadOnlyViewSet):
    model = GenerationRequest
    name = NAMESPACE
    url_prefix = "personalization/variant-requests"
    icon = "openquote"
    menu_label = _("Requests")
    index_view_class = RequestIndexView
    inspect_view_class = RequestInspectView
    # Templates show where they are used, and are not deleted while they are.
    add_to_reference_index = True
    actions = ("view", "change")
    list_filter = ["status", "template", "requested_by"]
    ordering = "-created_at"
    list_display = [
        TitleColumn("created_at", label=_("Asked"), accessor=asked_at, sort_key="created_at", get_url=address),
        StatusTagColumn(
            "status",
            label=_("Status"),
            accessor="get_status_display",
            primary=lambda request: request.status == RequestStatus.DONE,
            sort_key="status",
        ),
        Column("requested_by", label=_("Asked by"), accessor=lambda request: request.requested_by or asked.NONE),
        Column("template", label=_("Prompt template"), sort_key="template"),
        Column("progress", label=_("Parts done"), accessor=asked.progress_of),
        Column("failed", label=_("Failed")),
        Column("drafts", label=_("Drafts")),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("ask/", self.construct_view(AskView), name="ask"),
            path("ask/estimate/", self.construct_view(EstimateView), name="estimate"),
            path("<int:pk>/progress/", self.construct_view(ProgressView), name="progress"),
            path("<int:pk>/stop/", self.construct_view(StopView), name="stop"),
            path("<int:pk>/resume/", self.construct_view(ResumeView), name="resume"),
        ]
