"""The app's part of Wagtail's admin."""

from django.contrib.auth.models import Permission
from django.urls import path
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.permissions import register_permission_policy
from wagtail.snippets.models import register_snippet
from wagtail.snippets.views.snippets import SnippetViewSetGroup

from personalization.editor import asking_policy, experiment_log, log_actions, variant_log
from personalization.editor.alert_panel import AlertsPanel
from personalization.editor.approval_records import ApprovalRecordViewSet
from personalization.editor.budgets import BudgetViewSet
from personalization.editor.choosers import item_chooser
from personalization.editor.demand import DemandViewSet
from personalization.editor.experiments import ExperimentViewSet
from personalization.editor.fairness import FairnessAuditViewSet, ItemGroupViewSet
from personalization.editor.generation_requests import GenerationRequestViewSet
from personalization.editor.guardrails import RuleSetViewSet
from personalization.editor.health import HealthViewSet
from personalization.editor.items import ItemViewSet
from personalization.editor.judgements import JudgeView
from personalization.editor.prompt_templates import PromptTemplateViewSet
from personalization.editor.protection import keep_what_is_needed
from personalization.editor.quarantine import QuarantineViewSet
from personalization.editor.segments import SegmentViewSet
from personalization.editor.sender_keys import SenderKeyViewSet
from personalization.editor.slots import SlotViewSet
from personalization.editor.training import TrainingRunViewSet
from personalization.editor.variant_access import VariantPolicy
from personalization.editor.variant_edit import offer_no_publishing
from personalization.editor.variant_performance import LosingPanel
from personalization.editor.variant_queue import QueueViewSet, WaitingPanel
from personalization.editor.variant_report import VariantReportViewSet
from personalization.editor.variants import VariantViewSet
from personalization.editor.versions import ModelVersionViewSet
from personalization.variants.models import GenerationRequest, Variant


class VariantGroup(SnippetViewSetGroup):
    """A menu within the menu: what models write, what people decide about it, and within which limits."""

    items = (
        QueueViewSet,
        VariantViewSet,
        GenerationRequestViewSet,
        PromptTemplateViewSet,
        RuleSetViewSet,
        BudgetViewSet,
        ApprovalRecordViewSet,
        VariantReportViewSet,
    )
    menu_label = _("AI variants")
    menu_icon = "edit"
    menu_name = "variants"
    add_to_admin_menu = False


class PersonalizationGroup(SnippetViewSetGroup):
    items = (
        SlotViewSet,
        ExperimentViewSet,
        VariantGroup,
        SegmentViewSet,
        ItemViewSet,
        DemandViewSet,
        ModelVersionViewSet,
        TrainingRunViewSet,
        QuarantineViewSet,
        HealthViewSet,
        FairnessAuditViewSet,
        ItemGroupViewSet,
        SenderKeyViewSet,
    )
    menu_label = _("Personalization")
    menu_icon = "crosshairs"
    menu_name = "personalization"
    menu_order = 250


# Before the group asks for it: it would get the usual one, by which publishing is a permission.
register_permission_policy(Variant, VariantPolicy(Variant))
register_permission_policy(GenerationRequest, asking_policy.policy, exact_class=True)
register_snippet(PersonalizationGroup)


@hooks.register("register_admin_viewset")
def register_item_chooser():
    return item_chooser


@hooks.register("register_permissions")
def register_visitor_permission():
    """Who may look at a slot through a given visitor's eyes, and so see what that visitor reads."""
    return Permission.objects.filter(content_type__app_label="personalization", codename="view_visitor")


@hooks.register("register_permissions")
def register_monitoring_permissions():
    """Who may acknowledge alerts, and say from which values on there are any."""
    codenames = ("change_alert", "change_threshold")
    return Permission.objects.filter(content_type__app_label="personalization", codename__in=codenames)


@hooks.register("construct_homepage_panels")
def show_alerts(request, panels):
    panels.append(AlertsPanel())


@hooks.register("construct_homepage_panels")
def show_waiting_variants(request, panels):
    panels.append(WaitingPanel())


@hooks.register("construct_homepage_panels")
def show_losing_variants(request, panels):
    panels.append(LosingPanel())


@hooks.register("construct_snippet_action_menu")
def offer_no_publishing_of_variants(menu_items, request, context):
    offer_no_publishing(menu_items, request, context)


@hooks.register("register_log_actions")
def register_log_actions(actions):
    log_actions.register(actions)
    experiment_log.register(actions)
    variant_log.register(actions)


@hooks.register("register_admin_urls")
def register_judgements():
    return [path("personalization/judge/", JudgeView.as_view(), name="personalization_judge")]


@hooks.register("register_icons")
def register_icons(icons):
    return [*icons, "personalization/icons/thumbs-up.svg", "personalization/icons/thumbs-down.svg"]


hooks.register("before_delete_snippet", keep_what_is_needed)
