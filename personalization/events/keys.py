"""Keys by which servers report conversions: told once, kept as a digest, revoked by people."""

import hashlib
import hmac
import re
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from wagtail.log_actions import log

from personalization.events.models import SenderKey

LOG_ISSUE = "personalization.sender_key.issue"
LOG_REVOKE = "personalization.sender_key.revoke"
SHAPE = re.compile(r"ps_([0-9a-f]{8})_[\w-]{43}", re.ASCII)
NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def issue_key(*, name: str, user: Any = None) -> tuple[SenderKey, str]:
    """Make a key for a server; return its record, and the key itself, which nobody can find out later."""
    prefix = secrets.token_hex(4)
    raw = f"ps_{prefix}_{secrets.token_urlsafe(32)}"
    key = SenderKey.objects.create(name=name, prefix=prefix, digest=_digest(raw))
    log(instance=key, action=LOG_ISSUE, user=user)
    return key, raw


def find_key(raw: str) -> SenderKey | None:
    """The record of a key that is in force, its use noted; None for any other text."""
    shape = SHAPE.fullmatch(raw)
    known = SenderKey.objects.filter(prefix=shape[1], revoked_at=None).first() if shape else None
    if known is None or not hmac.compare_digest(known.digest, _digest(raw)):
        return None
    now = timezone.now()
    if known.used_at is None or now - known.used_at >= NOTED_EVERY:
        # A write at every request would make all servers of a busy site wait for one row.
        SenderKey.objects.filter(pk=known.pk).update(used_at=now)
    return known


@transaction.atomic
def revoke_key(*, key: SenderKey, user: Any = None) -> bool:
    """Refuse the key from now on; whether it was in force before."""
    now = timezone.now()
    if not SenderKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return False
    key.revoked_at = now
    log(instance=key, action=LOG_REVOKE, user=user)
    return True


def _digest(raw: str) -> str:
    # A random secret of 256 bits cannot be guessed from its digest, however fast that is made.
    return hashlib.sha256(raw.encode()).hexdigest()
