"""The three decisions about a variant as editors make them: a form for each, and how it is carried out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from personalization.variants import reviewing
from personalization.variants.models import Variant
from personalization.variants.workflow import ApproveForm, ChangesForm, RejectForm

# Of a form that does not say what was seen: no words have such digests.
NOTHING_SEEN = "nothing"


class CommentForm(ApproveForm):
    """What was seen comes with each variant, not with the answer to all of them."""

    seen = None


@dataclass(frozen=True)
class Decision:
    """One way to judge a variant; `key` chooses it in the queue."""

    name: str
    key: str
    label: Any
    done: Any
    icon: str
    form: type[forms.Form]
    carry: Callable[..., Variant]
    needs_seen: bool = False

    def carry_out(self, variant: Variant, *, user: Any, seen: str, answers: Mapping[str, str]) -> Variant:
        """Judge a variant as its page showed it; raise ReviewError or PermissionDenied with the reason."""
        given = dict(answers)
        if self.needs_seen:
            given["seen"] = seen or NOTHING_SEEN
        return self.carry(task_state=reviewing.waiting_task(variant), user=user, **given)


DECISIONS = {
    decision.name: decision
    for decision in (
        Decision("approve", "a", _("Approve"), _("Approved"), "success", CommentForm, reviewing.approve, True),
        Decision(
            "changes", "c", _("Request changes"), _("Sent back"), "resubmit", ChangesForm, reviewing.request_changes
        ),
        Decision("reject", "r", _("Reject"), _("Rejected"), "cross", RejectForm, reviewing.reject),
    )
}


def forms_for(data: Mapping[str, str] | None = None) -> dict[str, forms.Form]:
    """A form for each decision, filled with what was sent."""
    return {name: decision.form(data, prefix=name) for name, decision in DECISIONS.items()}
