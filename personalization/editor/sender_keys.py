"""Server keys: who may report conversions, made and revoked by people. A key is shown once, when it is made."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn, StatusTagColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic.base import BaseObjectMixin, WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton
from wagtail.permission_policies import ModelPermissionPolicy

from personalization.editor.read_only import ReadOnlyIndexView, ReadOnlyViewSet
from personalization.events.keys import issue_key, revoke_key
from personalization.events.models import SenderKey

NAMESPACE = "personalization_sender_keys"


def may(request: HttpRequest, action: str) -> bool:
    return ModelPermissionPolicy(SenderKey).user_has_permission(request.user, action)


def status_of(key: SenderKey) -> str:
    return gettext("Revoked") if key.revoked_at else gettext("In force")


class SenderKeyIndexView(ReadOnlyIndexView):
    empty_text = _(
        "No server keys yet: with a key, a server of yours reports conversions that no browser sees, such as a sale "
        "that was paid for later."
    )

    @cached_property
    def header_buttons(self) -> list:
        if not may(self.request, "add"):
            return []
        return [HeaderButton(gettext("Issue a key"), url=reverse(f"{NAMESPACE}:issue"), icon_name="plus")]


class SenderKeyInspectView(generic.InspectView):
    page_title = _("Server key")

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]

    @cached_property
    def header_buttons(self) -> list:
        if self.object.revoked_at or not may(self.request, "change"):
            return []
        url = reverse(f"{NAMESPACE}:revoke", args=[self.object.pk])
        return [HeaderButton(gettext("Revoke"), url=url, icon_name="cross")]


def facts_of(key: SenderKey) -> list[tuple[str, object]]:
    return [
        (gettext("Name"), key.name),
        (gettext("Begins with"), f"ps_{key.prefix}_"),
        (gettext("Status"), status_of(key)),
        (gettext("Created"), key.created_at),
        (gettext("Last used"), key.used_at or gettext("never")),
        (gettext("Revoked"), key.revoked_at or "–"),
    ]


class SenderKeyForm(forms.ModelForm):
    class Meta:
        model = SenderKey
        fields = ["name"]


class SenderKeyPage(PermissionCheckedMixin, WagtailAdminTemplateMixin):
    """What the pages that change something share."""

    model = SenderKey
    header_icon = "key"

    def get_breadcrumbs_items(self) -> list:
        keys = {"url": reverse(f"{NAMESPACE}:index"), "label": gettext("Server keys")}
        return [*self.breadcrumbs_items, keys, {"url": "", "label": self.get_page_title()}]


class IssueView(SenderKeyPage, FormView):
    """Ask for a name, then show the key. It is in no message and no session, which would be stored."""

    page_title = _("Issue a key")
    permission_required = "add"
    form_class = SenderKeyForm
    template_name = "personalization/editor/issue_key.html"

    def form_valid(self, form: SenderKeyForm) -> HttpResponse:
        key, raw = issue_key(name=form.cleaned_data["name"], user=self.request.user)
        response = self.render_to_response(self.get_context_data(key=key, raw=raw))
        add_never_cache_headers(response)
        return response


class RevokeView(SenderKeyPage, BaseObjectMixin, TemplateView):
    """Ask once more, then refuse the key."""

    page_title = _("Revoke a key")
    permission_required = "change"
    template_name = "personalization/editor/revoke_key.html"

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(key=self.object, **kwargs)

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if revoke_key(key=self.object, user=request.user):
            messages.success(request, gettext("“%s” is revoked: it is refused from now on.") % self.object)
        return redirect(f"{NAMESPACE}:index")


class SenderKeyViewSet(ReadOnlyViewSet):
    model = SenderKey
    name = NAMESPACE
    url_prefix = "personalization/server-keys"
    icon = "key"
    menu_label = _("Server keys")
    index_view_class = SenderKeyIndexView
    inspect_view_class = SenderKeyInspectView
    actions = ("view", "add", "change")
    ordering = "name"
    list_display = [
        Column("name", label=_("Name"), sort_key="name"),
        Column("prefix", label=_("Begins with"), accessor=lambda key: f"ps_{key.prefix}_"),
        StatusTagColumn("status", label=_("Status"), accessor=status_of, primary=lambda key: not key.revoked_at),
        DateColumn("created_at", label=_("Created"), sort_key="created_at"),
        DateColumn("used_at", label=_("Last used"), sort_key="used_at"),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("issue/", self.construct_view(IssueView), name="issue"),
            path("<int:pk>/revoke/", self.construct_view(RevokeView), name="revoke"),
        ]
