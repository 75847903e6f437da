"""What can be done to visitors: find, let choose, teach, claim, delete. Every change locks the visitor's row first."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from personalization.visitors import identity, profiles
from personalization.visitors.models import Consent, Profile, Visitor
from personalization.visitors.profiles import Signal, VectorOf


def get_visitor(*, key: str) -> Visitor | None:
    """The visitor of a key with consent and profile, in one query."""
    return Visitor.objects.whole().filter(key=key).first()


def current_visitor(*, request: HttpRequest) -> Visitor | None:
    """The visitor this request may act for.

    A visitor that joined a user's account is known by its cookie only while that user is logged in: on a shared
    device the next person gets nothing of it. A token in the header is held by a front end, which vouches for it.
    """
    key = identity.read_key(cookies=request.COOKIES, headers=request.headers)
    visitor = get_visitor(key=key) if key else None
    if visitor is None or visitor.user_id is None or request.headers.get(identity.HEADER):
        return visitor
    user = getattr(request, "user", None)
    return visitor if user is not None and user.pk == visitor.user_id else None


def lock_visitor(*, key: str) -> Visitor | None:
    """The visitor with consent and profile as they are now, nobody else changing them until the transaction ends."""
    return get_visitor(key=key) if Visitor.objects.filter(key=key).lock() else None


def lock_loaded(*, visitor: Visitor) -> Visitor | None:
    """The same for a visitor read before, which is read again only if something about it has changed since."""
    if not Visitor.objects.filter(pk=visitor.pk, revision=visitor.revision).lock():
        return lock_visitor(key=visitor.key)
    visitor.revision += 1
    return visitor


def lock_chooser(*, visitor: Visitor | None, user: AbstractBaseUser | None = None) -> Visitor | None:
    """The visitor that a person's choice is about, locked: the given one, unless it is another user's than `user`."""
    locked = lock_visitor(key=visitor.key) if visitor else None
    if user is not None and (locked is None or locked.user_id not in (None, user.pk)):
        return _lock_of_user(user)
    return locked


@transaction.atomic
def change_consent(
    *, visitor: Visitor | None, analytics: bool, personalization: bool, user: AbstractBaseUser | None = None
) -> Visitor | None:
    """Store a person's choice: the first grant creates the visitor, the last withdrawal deletes it and all it learned.

    A visitor of another user is left alone, and `user` gets their own.
    """
    locked = lock_chooser(visitor=visitor, user=user)
    if not (analytics or personalization):
        if locked:
            locked.delete()
        return None
    locked = locked or _create(user)
    choice = {"analytics": analytics, "personalization": personalization, "updated_at": timezone.now()}
    Consent.objects.update_or_create(visitor=locked, defaults=choice)
    if not personalization:
        Profile.objects.filter(visitor=locked).delete()
    return get_visitor(key=locked.key)


def _create(user: AbstractBaseUser | None) -> Visitor:
    # Two tabs may grant at once; a user has one visitor.
    return Visitor.objects.get_or_create(user=user)[0] if user else Visitor.objects.create()


def _lock_of_user(user: AbstractBaseUser) -> Visitor | None:
    own = Visitor.objects.filter(user_id=user.pk)
    return own.whole().first() if own.lock() else None


def learn(
    *, locked: Visitor, signals: Sequence[Signal], embedding_model: str, vector_of: VectorOf | None = None
) -> Profile:
    """Teach the profile of a visitor that the caller has locked and that allows personalization."""
    profile = getattr(locked, "profile", None) or Profile(visitor=locked)
    profiles.fold(profile, signals, embedding_model=embedding_model, vector_of=vector_of)
    profile.save()
    return profile


@transaction.atomic
def store_returns(*, returns: Mapping[str, dict[str, Any]]) -> int:
    """Let the profiles of visitors who still allow it know when they are expected; return how many changed."""
    Visitor.objects.filter(key__in=list(returns)).lock()
    profiles = Profile.objects.filter(visitor__key__in=list(returns), visitor__consent__personalization=True)
    changed = []
    for profile in profiles.select_related("visitor").only("returns", "visitor__key"):
        if profile.returns != returns[profile.visitor.key]:
            profile.returns = returns[profile.visitor.key]
            changed.append(profile)
    Profile.objects.bulk_update(changed, ["returns"])
    return len(changed)


def consenting_to_analytics(*, keys: Collection[str]) -> set[str]:
    """Which of these visitors allow analytics, whose choice nobody changes until the caller's transaction ends."""
    visitors = Visitor.objects.filter(key__in=keys)
    visitors.lock()
    return set(visitors.filter(consent__analytics=True).values_list("key", flat=True))


@transaction.atomic
def claim_visitor(*, visitor: Visitor | None, user: AbstractBaseUser) -> Visitor | None:
    """Let an anonymous visitor join a user; return the user's visitor, or None when the user has none.

    A visitor of somebody else never joins. Of two choices on consent, the person's later one holds.
    """
    theirs = Q(user_id=user.pk) | Q(key=visitor.key) if visitor else Q(user_id=user.pk)
    # One of two logins at once may be ended by the database, which sees when they wait for each other.
    Visitor.objects.filter(theirs).lock()
    locked = Visitor.objects.whole().filter(theirs)
    own = next((row for row in locked if row.user_id == user.pk), None)
    anonymous = next((row for row in locked if row.user_id is None), None)
    if anonymous is None:
        return own
    if own is None:
        anonymous.user = user
        anonymous.save(update_fields=["user"])
        return anonymous
    _merge(own, anonymous)
    return get_visitor(key=own.key)


def _merge(own: Visitor, anonymous: Visitor) -> None:
    choices = [row.consent for row in (own, anonymous) if hasattr(row, "consent")]
    consent = max(choices, key=lambda choice: choice.updated_at, default=Consent())
    choice = {name: getattr(consent, name) for name in ("analytics", "personalization", "updated_at")}
    Consent.objects.update_or_create(visitor=own, defaults=choice)
    learned = getattr(anonymous, "profile", None)
    if not consent.personalization:
        Profile.objects.filter(visitor=own).delete()
    elif learned:
        profile = getattr(own, "profile", None) or Profile(visitor=own)
        profiles.merge(profile, learned)
        profile.save()
    first = min(own, anonymous, key=lambda visitor: visitor.created_at)
    Visitor.objects.filter(pk=own.pk).update(unit=first.experiment_unit)
    anonymous.delete()


def delete_visitor(*, key: str) -> bool:
    """Forget a visitor with consent and profile; whether there was one."""
    return bool(Visitor.objects.filter(key=key).delete()[0])
