"""The cache as a test may empty it: what it, or its worker, has put there."""

from django.core.cache import cache


def empty_cache() -> None:
    """Forget all that this process has cached. Where one Redis serves several, `cache.clear()` would empty them all."""
    if not cache.key_prefix:
        cache.clear()
        return
    redis = cache.client.get_client()
    for key in redis.scan_iter(f"{cache.key_prefix}:*"):
        redis.delete(key)
