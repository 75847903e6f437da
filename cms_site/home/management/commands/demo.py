from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from cms_site.demo.accounts import ACCOUNTS, PASSWORD, create_accounts
from cms_site.demo.experiment import create_experiment
from cms_site.demo.history import record_simulated_history
from cms_site.demo.model import NAME, missing
from cms_site.demo.processes import language_model, port_is_free, run_site
from cms_site.demo.slots import create_slots
from cms_site.demo.variants import CAMPAIGN, ask_model, create_variants
from cms_site.home.content import build_magazine
from personalization.training.models import ModelVersion

READERS = 300
VISITORS = 2000


class Command(BaseCommand):
    help = "Build the demonstration magazine, train on simulated readers, and start site, worker, beat and model."

    def add_arguments(self, parser):
        parser.add_argument("--address", default="127.0.0.1:8000", help="host:port of the site (%(default)s)")
        parser.add_argument("--readers", type=int, default=READERS, help="simulated readers (%(default)s)")
        parser.add_argument("--no-serve", action="store_true", help="build everything, start nothing")

    def handle(self, *, address: str, readers: int, no_serve: bool, **options):
        if not settings.DEBUG:
            raise CommandError("The demonstration has public passwords: it runs with development settings only.")
        host, _, port = address.rpartition(":")
        if not (host and port.isdecimal()):
            raise CommandError("--address must look like 127.0.0.1:8000.")
        if not no_serve and not port_is_free(host, int(port)):
            raise CommandError(
                f"{address} is taken by another program. Choose one: manage.py demo --address {host}:8001"
            )
        self.console = Console(file=self.stdout)
        self.build(readers)
        self.tell(address)
        if not no_serve:
            raise SystemExit(run_site(host, int(port), self.stdout.write))

    def build(self, readers: int) -> None:
        """Every step adds only what is missing, so an interrupted run goes on where it stopped."""
        self.console.rule("Tables")
        call_command("migrate", verbosity=0)
        create_accounts()
        with Progress(console=self.console) as bar:
            task = bar.add_task("Articles", total=None)
            home = build_magazine(progress=lambda title, done, total: bar.update(task, completed=done, total=total))
            bar.update(task, total=1, completed=1)
        create_slots(home)
        self.console.rule("Catalog")
        call_command("index_catalog")
        with Progress(console=self.console) as bar:
            task = bar.add_task("Simulated readers", total=None)
            record_simulated_history(
                home, readers=readers, progress=lambda done, total: bar.update(task, completed=done, total=total)
            )
            bar.update(task, total=1, completed=1)
        if not ModelVersion.objects.exists():
            self.console.rule("Training")
            call_command("train")
        self.console.rule("Variants")
        create_variants()
        self.draft()
        self.console.rule("Experiment")
        with Progress(console=self.console) as bar:
            task = bar.add_task("Simulated visitors", total=None)
            create_experiment(
                visitors=VISITORS, progress=lambda done, total: bar.update(task, completed=done, total=total)
            )
            bar.update(task, total=1, completed=1)

    def draft(self) -> None:
        """Let the small language model draft some variants, where there is one. Another one would cost money."""
        if not settings.DEMO_MODEL_PORT:
            return
        with language_model() as answers:
            if not answers:
                self.console.print(missing() or f"{NAME} does not start: there are variants by hand only.")
                return
            with Progress(console=self.console) as bar:
                task = bar.add_task(f"Drafts by {NAME}", total=None)
                ask_model(progress=lambda done, total: bar.update(task, completed=done, total=total))
                bar.update(task, total=1, completed=1)

    def tell(self, address: str) -> None:
        self.console.rule("Ready")
        self.console.print(
            f"Site   http://{address}/\nAdmin  http://{address}/cms/\nAPI    http://{address}/api/personalization/v1/docs/"
        )
        self.console.print(f"Accounts, all with the password [bold]{PASSWORD}[/]:")
        for account in ACCOUNTS:
            self.console.print(f"  {account.username:<10}{account.role}")
        self.console.print(
            f"Words approved for readers of the weekend letter: http://{address}/?utm_campaign={CAMPAIGN}"
        )
        self.console.print("The readers behind the recommendations are simulated. Ctrl-C ends the demonstration.")
