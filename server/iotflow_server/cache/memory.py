"""Results in the memory of this process."""

from __future__ import annotations

from collections import OrderedDict


class MemoryEntries:
    """Implements :class:`cache.entries.Entries`: at most so many bytes, those that were used last."""

    is_up = True

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._results: OrderedDict[bytes, bytes] = OrderedDict()

    async def get(self, key: bytes) -> bytes | None:
        """Return what is under a key."""
        result = self._results.get(key)
        if result is not None:
            self._results.move_to_end(key)
        return result

    async def put(self, key: bytes, result: bytes) -> None:
        """Keep a result, in place of those that were not used for longest."""
        self._forget(key)
        self._results[key] = result
        self._bytes += len(key) + len(result)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._results)))

    async def close(self) -> None:
        """Forget all of them."""
        self._results.clear()

    def _forget(self, key: bytes) -> None:
        result = self._results.pop(key, None)
        if result is not None:
            self._bytes -= len(key) + len(result)
