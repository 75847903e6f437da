"""What the site's history says about changes of the serving version, and of what is learned from."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from wagtail.log_actions import LogFormatter

from personalization.events.keys import LOG_ISSUE, LOG_REVOKE
from personalization.events.quarantine import LOG_RELEASE
from personalization.monitoring.alerts import LOG_ACKNOWLEDGE
from personalization.training.services import LOG_ARCHIVE, LOG_PROMOTE, LOG_ROLL_BACK


class ServingFormatter(LogFormatter):
    """Names the version that served before, if there was one."""

    plain = ""
    instead = ""

    def format_message(self, log_entry) -> str:
        previous = log_entry.data.get("previous")
        return self.instead % {"previous": previous} if previous else str(self.plain)


class PromoteFormatter(ServingFormatter):
    label = _("Promote a model version")
    plain = _("Promoted: it serves now")
    instead = _("Promoted: it serves now, instead of %(previous)s")


class RollBackFormatter(ServingFormatter):
    label = _("Roll back to a model version")
    plain = _("Rolled back to: it serves again")
    instead = _("Rolled back to: it serves again, instead of %(previous)s")


class ArchiveFormatter(LogFormatter):
    label = _("Archive a model version")
    message = _("Archived: no candidate any more")


class ReleaseFormatter(LogFormatter):
    label = _("Release events from quarantine")

    def format_message(self, log_entry) -> str:
        number = log_entry.data.get("events", 1)
        return ngettext("Released %(number)d event", "Released %(number)d events", number) % {"number": number}


class AcknowledgeFormatter(LogFormatter):
    label = _("Acknowledge a model alert")
    message = _("Acknowledged")


class IssueKeyFormatter(LogFormatter):
    label = _("Issue a server key")
    message = _("Issued: who shows it may report conversions")


class RevokeKeyFormatter(LogFormatter):
    label = _("Revoke a server key")
    message = _("Revoked: it is refused from now on")


def register(actions) -> None:
    actions.register_action(LOG_ISSUE)(IssueKeyFormatter)
    actions.register_action(LOG_REVOKE)(RevokeKeyFormatter)
    actions.register_action(LOG_RELEASE)(ReleaseFormatter)
    actions.register_action(LOG_PROMOTE)(PromoteFormatter)
    actions.register_action(LOG_ROLL_BACK)(RollBackFormatter)
    actions.register_action(LOG_ARCHIVE)(ArchiveFormatter)
    actions.register_action(LOG_ACKNOWLEDGE)(AcknowledgeFormatter)
