"""The base of lists that people read and machines write."""

from django.urls import path
from django.utils.functional import cached_property
from wagtail.admin.admin_url_finder import ModelAdminURLFinder
from wagtail.admin.views import generic
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.permission_policies import ModelPermissionPolicy

READERS = ("view", "add", "change", "delete")


class ReadOnlyFinder(ModelAdminURLFinder):
    """Leads from a row to its page whoever may read it."""

    def get_edit_url(self, instance) -> str | None:
        policy = ModelPermissionPolicy(type(instance))
        allowed = self.user is None or policy.user_has_any_permission(self.user, READERS)
        return self.construct_edit_url(instance) if allowed else None


class ReadOnlyIndexView(generic.IndexView):
    """A list whose empty state explains what would be in it."""

    results_template_name = "personalization/editor/index_results.html"
    search_backend_name = None
    empty_text = ""

    @cached_property
    def is_unfiltered(self) -> bool:
        return not self.is_searching and not self.is_filtering


class ReadOnlyViewSet(ModelViewSet):
    """A list, and a page for each row; there is no form to change anything by hand."""

    index_view_class = ReadOnlyIndexView
    inspect_view_enabled = True
    copy_view_enabled = False
    add_to_reference_index = False
    search_backend_name = None
    actions: tuple[str, ...] = ("view",)

    def get_common_view_kwargs(self, **kwargs) -> dict:
        nowhere = {"add_url_name": None, "edit_url_name": None, "delete_url_name": None}
        return super().get_common_view_kwargs(**{**nowhere, **kwargs})

    def get_urlpatterns(self) -> list:
        row = f"<{self.pk_path_converter}:pk>"
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
            path(f"{row}/", self.inspect_view, name="inspect"),
        ]

    def get_permissions_to_register(self):
        """Offer a group only the permissions that mean something here."""
        codenames = [f"{action}_{self.model_name}" for action in self.actions]
        return super().get_permissions_to_register().filter(codename__in=codenames)

    @property
    def url_finder_class(self) -> type:
        return type("RowFinder", (ReadOnlyFinder,), {"edit_url_name": self.get_url_name("inspect")})
