"""What a variant's history says, besides Wagtail's own entries of submitting, approving and requesting changes."""

from django.utils.translation import gettext_lazy as _
from wagtail.log_actions import LogFormatter

from personalization.variants.choices import Act, Rejection
from personalization.variants.records import LOG

LABELS = {
    Act.REJECTED: (_("Reject a variant"), _("Rejected for good")),
    Act.REVOKED: (_("Revoke a variant’s approval"), _("Approval revoked: the words were changed")),
    Act.STALE: (_("Let a variant’s approval expire"), _("Approval expired: the source has changed")),
    Act.PROPOSED: (_("Propose a variant’s retirement"), _("Proposed for retirement: it does worse than the original")),
    Act.RETIRED: (_("Retire a variant"), _("Retired: it is no longer shown")),
}


class DecisionFormatter(LogFormatter):
    """Says why, where somebody has given a reason."""

    def format_message(self, log_entry) -> str:
        reason = log_entry.data.get("reason")
        label = dict(Rejection.choices).get(reason, reason)
        return f"{self.message} ({label})" if reason else str(self.message)

    def format_comment(self, log_entry) -> str:
        return log_entry.data.get("comment", "")


def register(actions) -> None:
    for act, (label, message) in LABELS.items():
        formatter = type("DecisionFormatter", (DecisionFormatter,), {"label": label, "message": message})
        actions.register_action(f"{LOG}.{act}")(formatter)
