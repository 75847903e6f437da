"""A cache whose server is gone."""

from typing import Any, NoReturn

from django.core.cache.backends.base import BaseCache


class NoCache(BaseCache):
    """Every use of it fails, as that of a Redis that does not answer."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def _fail(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ConnectionError("nobody listens")

    add = get = set = touch = delete = clear = incr = get_many = set_many = delete_many = _fail
