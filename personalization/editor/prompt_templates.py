"""Prompt templates as administrators keep them: how the model is told to write."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin import messages
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel
from wagtail.admin.ui.tables import Column, UpdatedAtColumn
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import Button
from wagtail.snippets.views.snippets import EditView, IndexView, SnippetViewSet

from personalization.editor.prompt_look import PromptLookView
from personalization.variants.models import PromptTemplate

STARTER = {
    "brand_voice": _("We speak plainly and warmly, to one reader at a time. We state what is, and promise nothing."),
    "tone": _("Plain, warm, precise; no jargon, no exclamation marks."),
    "must_not_say": _("click here\nclick this link"),
}


def look_button(template: PromptTemplate, priority: int = 15) -> Button:
    url = reverse(PromptTemplate.snippet_viewset.get_url_name("look"), args=[template.pk])
    return Button(gettext("What the model gets"), url=url, icon_name="view", priority=priority)


class PromptTemplateIndexView(IndexView):
    template_name = "personalization/editor/asking/template_index.html"
    results_template_name = "personalization/editor/index_results.html"
    empty_text = _(
        "No prompt templates yet: a template tells the model how your house speaks, to whom, and how long its words "
        "may be. Editors choose one whenever they ask for variants."
    )

    @cached_property
    def is_unfiltered(self) -> bool:
        return not self.is_searching and not self.is_filtering

    @cached_property
    def may_start(self) -> bool:
        """Whether to offer a first template."""
        return self.user_has_permission("add") and not PromptTemplate.objects.exists()

    def get_list_more_buttons(self, instance: PromptTemplate) -> list:
        return [*super().get_list_more_buttons(instance), look_button(instance)]


class PromptTemplateEditView(EditView):
    @cached_property
    def header_more_buttons(self) -> list:
        return [*super().header_more_buttons, look_button(self.object)]


class StarterView(PermissionCheckedMixin, View):
    """Make a first template that is sensible for most houses, and open it."""

    model = PromptTemplate
    permission_required = "add"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        words = {name: str(text) for name, text in STARTER.items()}
        template, made = PromptTemplate.objects.get_or_create(name=gettext("House style"), defaults=words)
        if made:
            template.save_revision(user=request.user, log_action="wagtail.create")
            messages.success(request, gettext("Here is a first template. Put your own voice into it, and save."))
        return redirect(PromptTemplate.snippet_viewset.get_url_name("edit"), template.pk)


class PromptTemplateViewSet(SnippetViewSet):
    model = PromptTemplate
    icon = "form"
    menu_label = _("Prompt templates")
    index_view_class = PromptTemplateIndexView
    index_template_name = PromptTemplateIndexView.template_name
    index_results_template_name = PromptTemplateIndexView.results_template_name
    edit_view_class = PromptTemplateEditView
    copy_view_enabled = True
    search_fields = ["name", "audience", "tone"]
    search_backend_name = None
    ordering = "name"
    list_display = [
        "__str__",
        Column("audience", label=_("Audience"), accessor=lambda template: template.audience or "–"),
        Column("tone", label=_("Tone"), accessor=lambda template: template.tone or "–"),
        Column("language", label=_("Language"), accessor=lambda template: template.language or _("as asked")),
        UpdatedAtColumn(),
    ]
    panels = [
        FieldPanel("name"),
        MultiFieldPanel([FieldPanel("brand_voice"), FieldPanel("audience"), FieldPanel("tone")], heading=_("Voice")),
        FieldPanel("language"),
        MultiFieldPanel(
            [
                HelpPanel(_("In characters. What is longer is found fault with when the draft arrives.")),
                FieldRowPanel([FieldPanel("longest_headline"), FieldPanel("longest_summary")]),
                FieldRowPanel([FieldPanel("longest_call_to_action"), FieldPanel("longest_image_description")]),
            ],
            heading=_("Lengths"),
        ),
        MultiFieldPanel([FieldPanel("must_say"), FieldPanel("must_not_say")], heading=_("Terms")),
        FieldPanel("examples"),
        FieldPanel("learns"),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("look/<int:pk>/", self.construct_view(PromptLookView), name="look"),
            path("starter/", self.construct_view(StarterView), name="starter"),
        ]

    def register_chooser_viewset(self) -> None:
        """Nothing chooses templates by a window, so there is none to list them to all who may enter the admin."""
