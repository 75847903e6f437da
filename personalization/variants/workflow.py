"""The step of Wagtail's workflows at which variants are judged."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models.functions import Cast
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.models import Locale, Site, Task, TaskState, Workflow, WorkflowContentType, WorkflowTask

from personalization.variants import reviewing
from personalization.variants.checking import check_variant
from personalization.variants.choices import WAITING, Act, Rejection, State
from personalization.variants.four_eyes import APPROVE, obstacle_for
from personalization.variants.lifecycle import lock, put
from personalization.variants.models import Variant
from personalization.variants.records import record


class ApproveForm(forms.Form):
    comment = forms.CharField(label=_("Comment"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    seen = forms.CharField(
        widget=forms.HiddenInput,
        error_messages={"required": _("Look at the words and at their source first: open the variant’s review page.")},
    )


class ChangesForm(forms.Form):
    comment = forms.CharField(label=_("What should be changed?"), widget=forms.Textarea(attrs={"rows": 3}))


class RejectForm(forms.Form):
    reason = forms.ChoiceField(label=_("Reason"), choices=Rejection.choices)
    comment = forms.CharField(label=_("Comment"), required=False, widget=forms.Textarea(attrs={"rows": 2}))


FORMS = {"approve": ApproveForm, "reject": ChangesForm, "refuse": RejectForm}
DECISIONS = {"approve": reviewing.approve, "reject": reviewing.request_changes, "refuse": reviewing.reject}


class VariantReviewTask(Task):
    """Somebody else than who asked and who edited last judges the words: for some languages, sites or sections only."""

    locales = models.ManyToManyField(
        Locale, blank=True, verbose_name=_("languages"), help_text=_("None ticked: every language.")
    )
    sites = models.ManyToManyField(Site, blank=True, verbose_name=_("sites"), help_text=_("None ticked: every site."))
    section = models.ForeignKey(
        Site._meta.get_field("root_page").remote_field.model,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("section"),
        help_text=_("Only items below this page. Empty: all."),
    )

    groups = models.ManyToManyField(
        Group,
        blank=True,
        verbose_name=_("groups"),
        help_text=_("Who judges at this step, of those who may approve variants. None ticked: all of them."),
    )

    admin_form_fields = [*Task.admin_form_fields, "locales", "sites", "section", "groups"]
    admin_form_widgets = dict.fromkeys(("locales", "sites", "groups"), forms.CheckboxSelectMultiple)

    class Meta:
        verbose_name = _("review of variants")
        verbose_name_plural = _("reviews of variants")

    def covers(self, variant: Variant) -> bool:
        """Whether the variant lies within the languages, sites and section of this step."""
        locales = {locale.pk for locale in self.locales.all()}
        sites = {site.pk for site in self.sites.all()}
        item = variant.item
        return (
            (not locales or variant.locale_id in locales)
            and (not sites or item is None or item.site_id in sites)
            and (self.section is None or (item is not None and item.tree_path.startswith(self.section.path)))
        )

    @transaction.atomic
    def start(self, workflow_state: Any, user: Any = None) -> TaskState:
        """Skip what lies outside of this step's limits; what may not be submitted is refused, whoever starts it.

        Pages, should somebody send them here, wait for ever: nobody has an action for them.
        """
        variant = workflow_state.content_object
        if not isinstance(variant, Variant):
            return super().start(workflow_state, user=user)
        variant = lock(variant)
        covers = self.covers(variant)
        if covers and variant.state not in WAITING:
            admit(variant, user)
        state = super().start(workflow_state, user=user)
        if not covers:
            state.status = TaskState.STATUS_SKIPPED
            state.save(update_fields=["status"])
        return state

    @transaction.atomic
    def deactivate(self, user: Any = None) -> None:
        """Take the step out of use; what waited at it becomes a draft again."""
        waiting = TaskState.objects.filter(task=self, status=TaskState.STATUS_IN_PROGRESS)
        for state in waiting.select_related("workflow_state"):
            state.workflow_state.cancel(user=user)
        super().deactivate(user=user)

    def user_can_access_editor(self, obj: Any, user: Any) -> bool:
        return user.has_perm(APPROVE)

    def get_actions(self, obj: Any, user: Any) -> list[tuple[str, Any, bool]]:
        if not isinstance(obj, Variant) or obstacle_for(obj, user):
            return []
        is_forbidden = obj.is_checked and obj.is_blocked
        return [
            ("reject", _("Request changes"), True),
            ("refuse", _("Reject"), True),
            *([] if is_forbidden else [("approve", _("Approve"), True)]),
        ]

    def get_form_for_action(self, action: str) -> type[forms.Form]:
        return FORMS.get(action, ApproveForm)

    def get_template_for_action(self, action: str) -> str:
        return "personalization/editor/review_modal.html"

    def on_action(self, task_state: TaskState, user: Any, action_name: str, /, **kwargs: Any) -> None:
        """Decide. Whatever a request brings along is read by the action's form, and refused where that says so."""
        if action_name not in DECISIONS:
            raise reviewing.ReviewError(gettext("There is no such decision about a variant."))
        form = FORMS[action_name](kwargs)
        if not form.is_valid():
            raise reviewing.ReviewError(" ".join(message for errors in form.errors.values() for message in errors))
        DECISIONS[action_name](task_state=task_state, user=user, **form.cleaned_data)

    def get_task_states_user_can_moderate(self, user: Any, **kwargs: Any) -> models.QuerySet:
        """What this person may judge: neither their own requests, nor what they edited last."""
        if not user.has_perm(APPROVE) or not self._admits(user):
            return TaskState.objects.none()
        others = Variant.objects.filter(state__in=WAITING).exclude(requested_by=user)
        keys = others.exclude(latest_revision__user=user).values_list(Cast("pk", models.CharField()))
        return TaskState.objects.filter(
            task=self,
            status=TaskState.STATUS_IN_PROGRESS,
            workflow_state__base_content_type=Variant.get_base_content_type(),
            workflow_state__object_id__in=keys,
        )

    def _admits(self, user: Any) -> bool:
        groups = set(self.groups.values_list("pk", flat=True))
        return not groups or user.is_superuser or user.groups.filter(pk__in=groups).exists()

    @classmethod
    def get_description(cls) -> Any:
        return _("Somebody who may approve variants, and neither asked for nor last edited this one, judges its words")


def admit(variant: Variant, user: Any) -> None:
    """Let a locked variant into the review; raise ReviewError where it may not be submitted."""
    if variant.state not in (State.DRAFT, State.CHANGES):
        raise reviewing.ReviewError(gettext("Only a draft can be submitted."))
    variant = check_variant(variant=variant)
    if variant.is_blocked:
        raise reviewing.ReviewError(gettext("A guardrail blocks this draft. See its findings, and correct it."))
    put(variant, state=State.IN_REVIEW)
    record(variant, Act.SUBMITTED, user=user)


def workflow_for(variant: Variant) -> Workflow:
    """The workflow that reviews this variant; raise ReviewError where none would."""
    if not getattr(settings, "WAGTAIL_WORKFLOW_ENABLED", True):
        raise reviewing.ReviewError(
            gettext("Wagtail’s workflows are switched off: nobody could review it. Set WAGTAIL_WORKFLOW_ENABLED.")
        )
    workflow = variant.get_workflow() or ensure_workflow()
    steps = reviews_of(workflow)
    if not steps:
        raise reviewing.ReviewError(fault_of(workflow))
    if not any(step.covers(variant) for step in steps):
        raise reviewing.ReviewError(
            gettext(
                "No step of the workflow “%(workflow)s” is for this variant’s language, site and section. "
                "An administrator widens one, or adds one, under Settings > Workflow tasks."
            )
            % {"workflow": workflow}
        )
    return workflow


def reviews_of(workflow: Workflow) -> list[VariantReviewTask]:
    """The steps of a workflow that judge variants."""
    return list(VariantReviewTask.objects.filter(workflow_tasks__workflow=workflow, active=True))


def fault_of(workflow: Workflow) -> str:
    """Why no variant could ever be approved by this workflow; empty if it can."""
    if reviews_of(workflow):
        return ""
    return gettext(
        "The workflow “%(workflow)s” has no “review of variants” among its steps, so it cannot approve any. "
        "An administrator adds one under Settings > Workflows, or assigns another workflow to variants."
    ) % {"workflow": workflow}


@transaction.atomic
def ensure_workflow() -> Workflow:
    """The workflow that variants go through; where none is assigned, one with a single review is made, once."""
    content_type = ContentType.objects.select_for_update().get(pk=ContentType.objects.get_for_model(Variant).pk)
    assigned = WorkflowContentType.objects.filter(content_type=content_type, workflow__active=True).first()
    if assigned:
        return assigned.workflow
    task = VariantReviewTask.objects.filter(active=True).first()
    task = task or VariantReviewTask.objects.create(name=gettext("Review of variants"))
    workflow = Workflow.objects.create(name=gettext("Variants"))
    WorkflowTask.objects.create(workflow=workflow, task=task, sort_order=0)
    WorkflowContentType.objects.update_or_create(content_type=content_type, defaults={"workflow": workflow})
    return workflow
