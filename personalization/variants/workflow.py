"""The step of Wagtail's workflows at which variants are judged."""

from typing import Any

from django import forms
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _
from wagtail.models import Locale, Site, Task, TaskState, Workflow, WorkflowContentType, WorkflowTask

from personalization.variants import reviewing
from personalization.variants.choices import Rejection
from personalization.variants.models import Variant


class ApproveForm(forms.Form):
    comment = forms.CharField(label=_("Comment"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class ChangesForm(forms.Form):
    comment = forms.CharField(label=_("What should be changed?"), widget=forms.Textarea(attrs={"rows": 3}))


class RejectForm(forms.Form):
    reason = forms.ChoiceField(label=_("Reason"), choices=Rejection.choices)
    comment = forms.CharField(label=_("Comment"), required=False, widget=forms.Textarea(attrs={"rows": 2}))


FORMS = {"approve": ApproveForm, "reject": ChangesForm, "refuse": RejectForm}


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

    admin_form_fields = [*Task.admin_form_fields, "locales", "sites", "section"]
    admin_form_widgets = {"locales": forms.CheckboxSelectMultiple, "sites": forms.CheckboxSelectMultiple}

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

    def start(self, workflow_state: Any, user: Any = None) -> TaskState:
        """Skip what lies outside of this step's limits."""
        state = super().start(workflow_state, user=user)
        if not self.covers(workflow_state.content_object):
            state.status = TaskState.STATUS_SKIPPED
            state.save(update_fields=["status"])
        return state

    def user_can_access_editor(self, obj: Any, user: Any) -> bool:
        return user.has_perm(reviewing.APPROVE)

    def get_actions(self, obj: Any, user: Any) -> list[tuple[str, Any, bool]]:
        if reviewing.obstacle_for(obj, user):
            return []
        return [
            ("reject", _("Request changes"), True),
            ("refuse", _("Reject"), True),
            *([] if obj.is_blocked else [("approve", _("Approve"), True)]),
        ]

    def get_form_for_action(self, action: str) -> type[forms.Form]:
        return FORMS.get(action, ApproveForm)

    def on_action(self, task_state: TaskState, user: Any, action_name: str, **kwargs: Any) -> None:
        if action_name == "approve":
            reviewing.approve(task_state=task_state, user=user, **kwargs)
        elif action_name == "reject":
            reviewing.request_changes(task_state=task_state, user=user, **kwargs)
        elif action_name == "refuse":
            reviewing.reject(task_state=task_state, user=user, **kwargs)

    def get_task_states_user_can_moderate(self, user: Any, **kwargs: Any) -> models.QuerySet:
        if not user.has_perm(reviewing.APPROVE):
            return TaskState.objects.none()
        return TaskState.objects.filter(task=self, status=TaskState.STATUS_IN_PROGRESS)

    @classmethod
    def get_description(cls) -> Any:
        return _("Somebody who may approve variants, and neither asked for nor last edited this one, judges its words")


def ensure_workflow() -> Workflow:
    """The workflow that variants go through; where none is assigned, one with a single review is made."""
    content_type = ContentType.objects.get_for_model(Variant)
    assigned = WorkflowContentType.objects.filter(content_type=content_type, workflow__active=True).first()
    if assigned:
        return assigned.workflow
    task, _made = VariantReviewTask.objects.get_or_create(name="Review of variants", active=True)
    workflow = Workflow.objects.create(name="Variants")
    WorkflowTask.objects.create(workflow=workflow, task=task, sort_order=0)
    WorkflowContentType.objects.update_or_create(content_type=content_type, defaults={"workflow": workflow})
    return workflow
