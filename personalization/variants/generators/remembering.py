"""What workers tell each other through Django's cache. When the cache is gone nothing is known, and work goes on."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache import cache

logger = logging.getLogger(__name__)
PREFIX = "personalization:generator:"


def recall(key: str) -> Any:
    """What was remembered; None if nothing was."""
    return _try(lambda: cache.get(PREFIX + key))


def remember(key: str, value: Any, seconds: float) -> None:
    _try(lambda: cache.set(PREFIX + key, value, seconds))


def claim(key: str, seconds: float) -> bool:
    """Whether nobody else holds this, and it is ours from now on."""
    return bool(_try(lambda: cache.add(PREFIX + key, 1, seconds)))


def count(key: str, seconds: float) -> int:
    """Count one more, and say how many there are; 0 if nobody knows."""
    _try(lambda: cache.add(PREFIX + key, 0, seconds))
    return _try(lambda: _increased(PREFIX + key)) or 0


def forget(*keys: str) -> None:
    _try(lambda: cache.delete_many([PREFIX + key for key in keys]))


def _increased(key: str) -> int | None:
    try:
        return cache.incr(key)
    except ValueError:  # it has run out meanwhile, or nothing is ever kept
        return None


class _Outage:
    is_told = False


def _try(use: Callable[[], Any]) -> Any:
    try:
        found = use()
    except Exception:  # each cache backend raises errors of its own
        if not _Outage.is_told:
            logger.exception("The cache does not answer: until it does, generators do without what they knew.")
        _Outage.is_told = True
        return None
    _Outage.is_told = False
    return found
