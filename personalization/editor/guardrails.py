"""Guardrails as administrators set them: how grave each rule is, the lists of words, and another look at old drafts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin import messages
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column, UpdatedAtColumn
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton
from wagtail.snippets.views.snippets import IndexView, SnippetViewSet

from personalization import tasks
from personalization.editor.guardrail_form import RuleSetForm
from personalization.editor.guardrail_trial import TrialView
from personalization.variants.guardrails.registry import RULES
from personalization.variants.models import RuleSet

PANEL = ObjectList(
    [
        FieldRowPanel([FieldPanel("name"), FieldPanel("locale")]),
        MultiFieldPanel(
            [
                FieldPanel("banned"),
                FieldPanel("required"),
                FieldPanel("claims"),
                FieldPanel("profanity"),
                FieldPanel("allowed_domains"),
            ],
            heading=_("Lists"),
        ),
        MultiFieldPanel(
            [FieldRowPanel([FieldPanel("hardest"), FieldPanel("least_similarity")])], heading=_("Thresholds")
        ),
        MultiFieldPanel(
            [
                HelpPanel(
                    _(
                        "What keeps visitors safe, such as the ban on scripts and hidden characters, cannot be "
                        "switched off. Rules hold from the next draft on; “Check old drafts again”, on the list of "
                        "guardrails, holds earlier ones against them, too."
                    )
                ),
                FieldPanel("severities"),
            ],
            heading=_("Rules"),
        ),
    ],
    base_form_class=RuleSetForm,
)


def changed_rules(rule_set: RuleSet) -> str:
    """How many rules are graver, or less grave, than they are as built in."""
    number = sum(
        1 for rule, severity in rule_set.severities.items() if rule in RULES and severity != RULES[rule].default
    )
    return gettext("%(changed)d of %(all)d") % {"changed": number, "all": len(RULES)}


class RuleSetIndexView(IndexView):
    template_name = "personalization/editor/asking/guardrail_index.html"
    results_template_name = "personalization/editor/index_results.html"
    empty_text = _(
        "The built-in guardrails hold: scripts, links to strangers, invented figures and names, personal data and more "
        "are found in every draft. Add a set to make rules graver or milder, and to list words that your house bans, "
        "requires or wants to see proved."
    )

    @cached_property
    def is_unfiltered(self) -> bool:
        return not self.is_searching and not self.is_filtering

    @cached_property
    def may_recheck(self) -> bool:
        return self.user_has_permission("change")

    @cached_property
    def header_more_buttons(self) -> list:
        url = reverse(RuleSet.snippet_viewset.get_url_name("trial"))
        return [*super().header_more_buttons, HeaderButton(gettext("Try words out"), url=url, icon_name="view")]


class RecheckView(PermissionCheckedMixin, View):
    """Let a worker hold every draft, and all that waits or is shown, against the rules as they are now."""

    model = RuleSet
    permission_required = "change"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        tasks.enqueue(tasks.recheck_variants)
        messages.success(request, gettext("A worker checks all variants again. What it finds is shown on their pages."))
        return redirect(RuleSet.snippet_viewset.get_url_name("list"))


class RuleSetViewSet(SnippetViewSet):
    model = RuleSet
    icon = "warning"
    menu_label = _("Guardrails")
    index_view_class = RuleSetIndexView
    index_template_name = RuleSetIndexView.template_name
    index_results_template_name = RuleSetIndexView.results_template_name
    edit_handler = PANEL
    copy_view_enabled = False
    search_fields = ["name"]
    search_backend_name = None
    ordering = "name"
    list_display = [
        "__str__",
        Column("language", label=_("Language"), accessor=lambda rules: rules.locale or _("all others")),
        Column("changed", label=_("Rules set otherwise"), accessor=changed_rules),
        UpdatedAtColumn(),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("trial/", self.construct_view(TrialView), name="trial"),
            path("recheck/", self.construct_view(RecheckView), name="recheck"),
        ]

    def register_chooser_viewset(self) -> None:
        """Nothing chooses guardrails, so nobody needs a window that lists them to all who may enter the admin."""
