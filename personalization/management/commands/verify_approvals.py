from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from personalization.variants.records import ApprovalRecord
from personalization.variants.verifying import find_faults


class Command(BaseCommand):
    help = "Verify the approval records: that none was changed, and none is missing from between others."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="Print every fault, not only the first.")

    def handle(self, *args: Any, all: bool, **options: Any) -> None:
        faults = find_faults()
        first = next(faults, None)
        if first is None:
            number = ApprovalRecord.objects.count()
            told = ngettext(
                "%(number)d record is as it was written.", "All %(number)d records are as they were written.", number
            )
            self.stdout.write(told % {"number": number})
            return
        for fault in chain([first], faults) if all else [first]:
            self.stderr.write(str(fault))
        raise CommandError(
            _("The approval records are not as they were written. Compare them with a backup or an export.")
        )
