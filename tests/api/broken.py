"""A cache whose server is gone."""

from django.core.cache.backends.base import BaseCache


class BrokenCache(BaseCache):
    def __init__(self, location, params):
        super().__init__(params)

    def get(self, key, default=None, version=None):
        raise ConnectionError("the cache's server is gone")

    def set(self, key, value, timeout=None, version=None):
        raise ConnectionError("the cache's server is gone")
