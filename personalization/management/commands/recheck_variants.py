from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _
from rich.console import Console

from personalization.management.progress import advance, bars
from personalization.variants.rechecking import blocked_in_slots, recheck


class Command(BaseCommand):
    help = "Hold AI variants against the guardrails as they are now, and name the approved ones that would be blocked."

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        with bars(console) as shown:
            report = recheck(progress=advance(shown, _("Checking variants")))
        console.print(
            _("%(checked)d variants checked, %(blocked)d drafts blocked.")
            % {"checked": report.checked, "blocked": len(report.blocked)}
        )
        for variant in blocked_in_slots():
            console.print(
                _("Approved, and would be blocked today: %(key)s “%(variant)s”. Retire it, or edit it.")
                % {"key": variant.key, "variant": variant},
                markup=False,
            )
