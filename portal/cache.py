"""The cache in Redis: sessions and rate limits. Every page asks it."""

from functools import cache
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient


class KeptClient(RedisCacheClient):
    """Django's, with one client for each pool of connections: to make one costs more than to ask a question."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept = cache(self._client)  # type: ignore[attr-defined]  # not in the stubs

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:  # noqa: ARG002, Django's signature
        """Return the client, which threads may share."""
        return self._kept(connection_pool=self._get_connection_pool(write))  # type: ignore[attr-defined]  # as above


class KeptRedisCache(RedisCache):
    """Django's cache in Redis, with a client that is kept."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = KeptClient
