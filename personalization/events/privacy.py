"""The visitor's rights over what is held: choose, see, take along, erase; and what a login joins."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from personalization.events.models import Event
from personalization.visitors import profiles
from personalization.visitors.models import Consent, Profile, Visitor
from personalization.visitors.services import (
    change_consent,
    claim_visitor,
    delete_visitor,
    get_visitor,
    lock_chooser,
    lock_visitor,
)

EXPORTED = [field.name for field in Event._meta.concrete_fields if field.name not in ("id", "once", "visitor_key")]


@transaction.atomic
def store_choice(
    *, visitor: Visitor | None, analytics: bool, personalization: bool, user: AbstractBaseUser | None = None
) -> Visitor | None:
    """Change the consent, and end the use of what was recorded for a purpose that is withdrawn."""
    choice = {"analytics": analytics, "personalization": personalization}
    # The last withdrawal deletes the visitor, so that its key is known only before.
    held = lock_chooser(visitor=visitor, user=user)
    chosen = change_consent(visitor=visitor, user=user, **choice)
    if held:
        _end_withdrawn_uses(held.key, **choice)
    return chosen


def export_visitor(*, key: str) -> dict[str, Any]:
    """Everything held about a visitor, in plain values."""
    visitor = get_visitor(key=key)
    consent: Consent | None = getattr(visitor, "consent", None)
    profile: Profile | None = getattr(visitor, "profile", None)
    return {
        "visitor": visitor and _visitor_as_plain(visitor),
        "consent": consent and _plain(consent, ("analytics", "personalization", "updated_at")),
        "profile": profile and profiles.as_plain(profile),
        "events": list(_events_as_plain(key)),
    }


@transaction.atomic
def erase_visitor(*, key: str) -> dict[str, int]:
    """Delete everything held under a key; return what a recount finds, which is zero."""
    lock_visitor(key=key)
    delete_visitor(key=key)
    Event.objects.filter(visitor_key=key).delete()
    return count_held(key=key)


def count_held(*, key: str) -> dict[str, int]:
    """How many rows there are about one visitor, table by table."""
    return {
        "visitors": Visitor.objects.filter(key=key).count(),
        "consents": Consent.objects.filter(visitor__key=key).count(),
        "profiles": Profile.objects.filter(visitor__key=key).count(),
        "events": Event.objects.filter(visitor_key=key).count(),
    }


@transaction.atomic
def join_at_login(*, visitor: Visitor | None, user: AbstractBaseUser) -> Visitor | None:
    """Let the anonymous visitor and its events become the user's; return the user's visitor, if there is one now."""
    own = claim_visitor(visitor=visitor, user=user)
    if own and visitor and own.key != visitor.key and get_visitor(key=visitor.key) is None:
        Event.objects.filter(visitor_key=visitor.key).update(visitor_key=own.key)
        _end_withdrawn_uses(own.key, analytics=own.consent.analytics, personalization=own.consent.personalization)
    return own


def _end_withdrawn_uses(key: str, *, analytics: bool, personalization: bool) -> None:
    held = Event.objects.filter(visitor_key=key)
    if not analytics:
        held.filter(for_analytics=True).update(for_analytics=False)
    if not personalization:
        held.filter(for_personalization=True).update(for_personalization=False)


def _visitor_as_plain(visitor: Visitor) -> dict[str, Any]:
    account = visitor.user.get_username() if visitor.user else None
    return {**_plain(visitor, ("key", "simulated", "created_at")), "account": account}


def _events_as_plain(key: str) -> Iterable[dict[str, Any]]:
    rows = Event.objects.filter(visitor_key=key).order_by("occurred_at", "pk")
    for values in rows.values_list(*EXPORTED).iterator(chunk_size=2000):
        yield {name: _in_json(value) for name, value in zip(EXPORTED, values, strict=True)}


def _plain(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: _in_json(getattr(row, name)) for name in names}


def _in_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
