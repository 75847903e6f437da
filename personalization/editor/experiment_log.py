"""What an experiment's history says of each step."""

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.log_actions import LogFormatter

from personalization.experiments.choices import Verdict
from personalization.experiments.flagging import LOG_FLAG
from personalization.experiments.services import LOG
from personalization.experiments.wording import plain


class ScheduleFormatter(LogFormatter):
    label = _("Schedule an experiment")

    def format_message(self, log_entry) -> str:
        at = date_format(localtime(parse_datetime(log_entry.data["at"])), "DATETIME_FORMAT")
        return gettext("Scheduled for %(at)s") % {"at": at}


class RefuseFormatter(LogFormatter):
    label = _("Refuse a scheduled start")

    def format_message(self, log_entry) -> str:
        return gettext("Due, but not started: %(reasons)s") % {"reasons": " ".join(log_entry.data["reasons"])}


class CoverageFormatter(LogFormatter):
    label = _("Change how many visitors take part")

    def format_message(self, log_entry) -> str:
        shares = {name: plain(log_entry.data[name]) for name in ("from", "to")}
        return gettext("Visitors who take part: %(to)s %% instead of %(from)s %%") % shares


class WeightsFormatter(LogFormatter):
    label = _("Change the weights of arms")

    def format_message(self, log_entry) -> str:
        weights = ", ".join(f"{key} {plain(weight)}" for key, weight in log_entry.data["weights"])
        return gettext("Phase %(phase)s begins, with the weights %(weights)s") % {
            "phase": log_entry.data["phase"],
            "weights": weights,
        }


class EndFormatter(LogFormatter):
    label = _("End an experiment")

    def format_message(self, log_entry) -> str:
        data = log_entry.data
        verdicts = {
            Verdict.SHIP: gettext("the slot takes over “%(arm)s”") % {"arm": data["shipped_arm"]},
            Verdict.KEEP: gettext("the control stays"),
        }
        verdict = verdicts.get(data["verdict"], gettext("inconclusive"))
        return gettext("Ended: %(verdict)s. %(decision)s") % {"verdict": verdict, "decision": data["decision"]}


class FlagFormatter(LogFormatter):
    label = _("Switch a flag that an experiment depends on")

    def format_message(self, log_entry) -> str:
        said = gettext("“%(flag)s” was switched on") if log_entry.data["on"] else gettext("“%(flag)s” was switched off")
        return said % {"flag": log_entry.data["flag"]}


def register(actions) -> None:
    actions.register_action(f"{LOG}start", _("Start an experiment"), _("Started"))
    actions.register_action(f"{LOG}unschedule", _("Unschedule an experiment"), _("Unscheduled: a draft again"))
    actions.register_action(f"{LOG}pause", _("Pause an experiment"), _("Paused: everybody sees the slot as it is"))
    actions.register_action(f"{LOG}resume", _("Resume an experiment"), _("Resumed"))
    actions.register_action(f"{LOG}schedule")(ScheduleFormatter)
    actions.register_action(f"{LOG}refuse")(RefuseFormatter)
    actions.register_action(f"{LOG}coverage")(CoverageFormatter)
    actions.register_action(f"{LOG}weights")(WeightsFormatter)
    actions.register_action(f"{LOG}end")(EndFormatter)
    actions.register_action(LOG_FLAG)(FlagFormatter)
