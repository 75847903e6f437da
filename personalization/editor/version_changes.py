"""What changes a version's fate - promote, roll back, archive - each with a page that asks first."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import BaseObjectMixin, WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton
from wagtail.permission_policies import ModelPermissionPolicy

from personalization.recommend.artifacts import ArtifactError
from personalization.training.models import ModelVersion
from personalization.training.services import NoOlderVersionError, ServingVersionError, archive, promote, roll_back

NAMESPACE = "personalization_versions"
Status = ModelVersion.Status


def may_change(request: HttpRequest) -> bool:
    return ModelPermissionPolicy(ModelVersion).user_has_permission(request.user, "change")


def may_promote(version: ModelVersion) -> bool:
    """A version that does not serve and still has its files."""
    return bool(version.artifact) and version.status != Status.PROMOTED


def changes_of(version: ModelVersion) -> list[HeaderButton]:
    """Buttons for what can be done with a version."""
    buttons = []
    if may_promote(version):
        buttons.append(HeaderButton(gettext("Promote"), url=_address("promote", version), icon_name="upload"))
    if version.status == Status.PROMOTED and ModelVersion.objects.older_than(version).exists():
        buttons.append(HeaderButton(gettext("Roll back"), url=_address("roll_back"), icon_name="rotate"))
    if version.status == Status.CANDIDATE:
        buttons.append(HeaderButton(gettext("Archive"), url=_address("archive", version), icon_name="folder"))
    return buttons


def _address(name: str, *versions: ModelVersion) -> str:
    return reverse(f"{NAMESPACE}:{name}", args=[version.pk for version in versions])


class ChangeMixin(PermissionCheckedMixin, WagtailAdminTemplateMixin):
    """Asks before it changes anything; a view of this kind has a `change` that does it, and says what was done."""

    model = ModelVersion
    permission_required = "change"
    template_name = "personalization/editor/confirm.html"

    def get_breadcrumbs_items(self) -> list:
        versions = {"url": _address("index"), "label": gettext("Model versions")}
        return [*self.breadcrumbs_items, versions, {"url": "", "label": self.get_page_title()}]

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            messages.success(request, self.change())
        except (ArtifactError, NoOlderVersionError, ServingVersionError) as error:
            messages.error(request, gettext("Nothing was changed. %(error)s") % {"error": error})
        return redirect(f"{NAMESPACE}:index")


class PromoteView(ChangeMixin, BaseObjectMixin, TemplateView):
    page_title = _("Promote a version")

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(version=self.object, serving=ModelVersion.objects.promoted(), **kwargs)

    def change(self) -> str:
        return _serves_now(promote(version=self.object, user=self.request.user))


class RollBackView(ChangeMixin, TemplateView):
    page_title = _("Roll back")

    def get_context_data(self, **kwargs) -> dict:
        serving = ModelVersion.objects.promoted()
        older = ModelVersion.objects.older_than(serving).first() if serving else None
        return super().get_context_data(version=older, serving=serving, **kwargs)

    def change(self) -> str:
        return _serves_now(roll_back(user=self.request.user))


class ArchiveView(ChangeMixin, BaseObjectMixin, TemplateView):
    page_title = _("Archive a version")
    template_name = "personalization/editor/confirm_archive.html"

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(version=self.object, serves=self.object.status == Status.PROMOTED, **kwargs)

    def change(self) -> str:
        return gettext("%(version)s was archived.") % {"version": archive(version=self.object, user=self.request.user)}


def _serves_now(version: ModelVersion) -> str:
    return gettext("%(version)s serves now.") % {"version": version}
