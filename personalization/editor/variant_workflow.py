"""Wagtail's own way to decide, from its dashboard and its menus: what is approved there is what its window shows."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from wagtail.admin import messages
from wagtail.snippets.views.snippets import WorkflowActionView

from personalization.editor.variant_comparison import beside_source
from personalization.variants.four_eyes import obstacle_for
from personalization.variants.hashing import source_of
from personalization.variants.reviewing import ReviewError, seen_by


class VariantWorkflowActionView(WorkflowActionView):
    """Shows the words beside their source, decides about exactly these, and tells whoever may not decide why."""

    @property
    def is_window(self) -> bool:
        return self.request.headers.get("x-requested-with") == "XMLHttpRequest"

    def check_action(self) -> None:
        if self.task_state.workflow_state.object_id != str(self.object.pk):
            raise ReviewError(gettext("This step belongs to something else."))
        if obstacle := obstacle_for(self.object, self.request.user):
            raise ReviewError(obstacle)
        super().check_action()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().dispatch(request, *args, **kwargs)
        except (ReviewError, PermissionDenied) as refusal:
            why = str(refusal) or gettext("This decision is not open to you.")
            messages.error(request, gettext("Nothing was decided. %(why)s") % {"why": why})
        if self.is_window:
            return self.render_modal_json(request, {"step": "success", "redirect": self.redirect_url})
        return redirect(self.redirect_url)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Let the form carry the digests of what the window shows."""
        return self.render_modal_form(request, self.form_class(initial={"seen": seen_by(self.object)}))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.form_class(request.POST)
        if not self.is_window and not form.is_valid():
            raise ReviewError(" ".join(message for errors in form.errors.values() for message in errors))
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        source = source_of(self.object)
        return super().get_context_data(sides=beside_source(self.object), language=source.language, **kwargs)
