"""Where results are to be kept, by the settings."""

from __future__ import annotations

from iotflow_server.cache.entries import Entries
from iotflow_server.cache.memory import MemoryEntries


def entries_at(place: str, max_bytes: int, lifetime_seconds: int) -> Entries:
    """Results in ``memory``, or in the Redis of a URL.

    :raises ImportError: the extra ``redis`` is not installed.
    :raises ValueError: the URL cannot be understood.
    """
    if place == "memory":
        return MemoryEntries(max_bytes)
    from iotflow_server.cache.redis_entries import RedisEntries

    return RedisEntries(place, lifetime_seconds)
