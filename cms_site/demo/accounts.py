"""Who can log in to the demonstration: an administrator, an editor, a reviewer and two readers."""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission

from personalization.variants.roles import EDITOR, REVIEWER

PASSWORD = "fernway-demo"  # noqa: S105 (printed on purpose; the demonstration refuses to run outside DEBUG)

VIEWED = ("view_item", "view_modelversion", "view_trainingrun")


@dataclass(frozen=True)
class Account:
    username: str
    first_name: str
    role: str
    group: str = ""
    superuser: bool = False


ACCOUNTS = (
    Account("admin", "Admin", "administrator", superuser=True),
    Account("editor", "Editor", "writes pages and slots, asks for variants", group="Editors"),
    Account("reviewer", "Reviewer", "approves and publishes, variants too", group="Moderators"),
    Account("reader", "Robin", "visitor with an account"),
    Account("reader2", "Kim", "another visitor with an account"),
)


def create_accounts() -> None:
    """Create the accounts that are missing; leave the passwords of those that exist."""
    users = get_user_model()._default_manager
    for account in ACCOUNTS:
        user, created = users.get_or_create(
            username=account.username,
            defaults={"first_name": account.first_name, "email": f"{account.username}@example.com"},
        )
        if created:
            user.set_password(PASSWORD)
            user.is_superuser = user.is_staff = account.superuser
            user.save()
        if account.group:
            user.groups.add(Group.objects.get(name=account.group))
    _let_editors_in()


def _let_editors_in() -> None:
    ours = Permission.objects.filter(content_type__app_label="personalization")
    allowed = ours.filter(content_type__model="slot").exclude(codename="delete_slot") | ours.filter(codename__in=VIEWED)
    for name, more in (("Editors", EDITOR), ("Moderators", REVIEWER)):
        Group.objects.get(name=name).permissions.add(*(allowed | ours.filter(codename__in=more)))
