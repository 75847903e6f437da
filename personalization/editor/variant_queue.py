"""The queue: what waits for a decision, judged one by one or many at once, with the mouse or by keys alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.menu import MenuItem
from wagtail.admin.ui.components import Component
from wagtail.admin.ui.sidebar import LinkMenuItem
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.viewsets.base import ViewSet
from wagtail.permissions import policy_registry

from personalization.editor.variant_access import READERS
from personalization.editor.variant_decisions import DECISIONS, Decision, forms_for
from personalization.editor.variant_facts import audience, findings_summary, source_title, with_waiting_since
from personalization.variants import services
from personalization.variants.choices import State, Words
from personalization.variants.four_eyes import APPROVE, obstacles_for
from personalization.variants.models import Variant
from personalization.variants.reviewing import decide_each, seen_by

NAMESPACE = "personalization_queue"
PAGE_SIZE = 50
LONGEST_KEY = 18


@dataclass(frozen=True)
class Waiting:
    """One row of the queue: what it says instead of what, and why this person may not judge it, if so."""

    variant: Variant
    title: str
    audience: str
    words: list[tuple[str, str]]
    since: datetime
    findings: str
    seen: str
    obstacle: str

    @property
    def is_stale(self) -> bool:
        return self.variant.state == State.STALE


def queue_for(user: Any) -> tuple[list[Variant], dict[int, str]]:
    """Everything that waits, the longest first, and by primary key why this person may not judge it, if so."""
    related = ("item", "slot", "segment", "locale", "image")
    waiting = with_waiting_since(services.waiting()).select_related(*related).defer("item__text", "source_words")
    variants = list(waiting.order_by("waiting_since", "pk"))
    return variants, obstacles_for(variants, user)


def judgeable(user: Any) -> list[Variant]:
    """Of what waits, what this person may judge."""
    if not user.has_perm(APPROVE):
        return []
    variants, obstacles = queue_for(user)
    return [variant for variant in variants if not obstacles[variant.pk]]


def next_after(variant: Variant, user: Any) -> Variant | None:
    """What this person judges after this one: the next in the queue, else the first that was passed over."""
    rest = [other for other in judgeable(user) if other.pk != variant.pk]
    here = (variant.waiting_since, variant.pk)
    return next((other for other in rest if (other.waiting_since, other.pk) > here), rest[0] if rest else None)


def row_of(variant: Variant, obstacle: str = "") -> Waiting:
    """A variant as the queue shows it."""
    return Waiting(
        variant=variant,
        title=source_title(variant),
        audience=audience(variant),
        # The headline is the row's title already.
        words=[(str(Words(name).label), text) for name, text in variant.words.items() if text and name != "headline"],
        since=variant.waiting_since,
        findings=findings_summary(variant),
        seen=seen_by(variant),
        obstacle=obstacle,
    )


class QueueView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """The list. A post judges what was ticked, and answers with what became of each."""

    model = Variant
    any_permission_required = READERS
    page_title = _("Review queue")
    header_icon = "clipboard-list"
    template_name = "personalization/editor/variant/queue.html"
    outcome_template_name = "personalization/editor/variant/outcomes.html"

    def get_breadcrumbs_items(self) -> list:
        return [*self.breadcrumbs_items, {"url": "", "label": self.get_page_title()}]

    @cached_property
    def may_judge(self) -> bool:
        return self.request.user.has_perm(APPROVE)

    @cached_property
    def shows_all(self) -> bool:
        return "all" in self.request.GET or not self.may_judge

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        queue, obstacles = queue_for(self.request.user)
        own = [variant for variant in queue if not obstacles[variant.pk]]
        page = Paginator(queue if self.shows_all else own, PAGE_SIZE).get_page(self.request.GET.get("p"))
        forms = kwargs.pop("forms", None) or forms_for()
        return super().get_context_data(
            page=page,
            rows=[row_of(variant, obstacles[variant.pk]) for variant in page],
            number=len(queue),
            own=len(own),
            shows_all=self.shows_all,
            may_judge=self.may_judge,
            dialogs=[(decision, forms[decision.name]) for decision in DECISIONS.values()],
            **kwargs,
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        ticked = [int(pk) for pk in request.POST.getlist("variant") if pk.isdecimal() and len(pk) <= LONGEST_KEY]
        decision = DECISIONS.get(request.POST.get("decision", ""))
        if decision is None or not ticked:
            messages.error(request, gettext("Tick what you want to judge, then choose how."))
            return self.render_to_response(self.get_context_data(ticked=ticked))
        forms = forms_for(request.POST)
        if not forms[decision.name].is_valid():
            messages.error(request, gettext("Nothing was judged: the decision lacks something."))
            return self.render_to_response(self.get_context_data(ticked=ticked, forms=forms, open=decision.name))
        return self.judged(decision, ticked, forms[decision.name].cleaned_data)

    def judged(self, decision: Decision, ticked: list[int], answers: dict[str, str]) -> HttpResponse:
        def decide(variant: Variant) -> Variant:
            seen = self.request.POST.get(f"seen-{variant.pk}", "")
            return decision.carry_out(variant, user=self.request.user, seen=seen, answers=answers)

        found = Variant.objects.select_related("item", "slot").in_bulk(ticked)
        outcomes = decide_each([found[pk] for pk in ticked if pk in found], decide)
        refused = sum(bool(outcome.refusal) for outcome in outcomes)
        told = {"outcomes": outcomes, "refused": refused, "done": len(outcomes) - refused, "decision": decision}
        told["missing"] = len(ticked) - len(outcomes)
        return TemplateResponse(self.request, self.outcome_template_name, self.get_context_data(**told))


class QueueMenuItem(MenuItem):
    """Says to reviewers how many wait."""

    def is_shown(self, request: HttpRequest) -> bool:
        return policy_registry.get_by_type(Variant).user_has_any_permission(request.user, READERS)

    def render_component(self, request: HttpRequest) -> LinkMenuItem:
        component = super().render_component(request)
        if request.user.has_perm(APPROVE) and (number := services.waiting().count()):
            component.label = gettext("%(label)s (%(n)d)") % {"label": self.label, "n": number}
        return component


class QueueViewSet(ViewSet):
    name = NAMESPACE
    url_prefix = "personalization/variants/queue"
    icon = "clipboard-list"
    menu_label = _("Review queue")
    menu_name = "variant-queue"
    menu_item_class = QueueMenuItem

    def get_urlpatterns(self) -> list:
        return [path("", self.construct_view(QueueView), name="index")]


class WaitingPanel(Component):
    """Tells on the dashboard who has something to judge that it waits; nothing for others."""

    name = "waiting_variants"
    template_name = "personalization/editor/variant/waiting_panel.html"
    order = 60
    most = 5

    def get_context_data(self, parent_context: dict[str, Any]) -> dict[str, Any]:
        variants = judgeable(parent_context["request"].user)
        rows = [row_of(variant) for variant in variants[: self.most]]
        return {"rows": rows, "number": len(variants), "queue_url": reverse(f"{NAMESPACE}:index")}
