"""Finds results of questions about points that have not changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from iotflow_server.cache.entries import Entries

#: To be changed with whatever makes another result of the same question.
_VERSION: Final = b"1"


@dataclass(frozen=True, slots=True)
class Question:
    """What a result follows from beside the points: the method, its request, and the devices with their owners."""

    method: str
    request: bytes
    owners: Mapping[int, int]


class GenerationsPort(Protocol):
    """The state of devices' points; see stores/postgres/generations.py."""

    async def digest(self, device_ids: Sequence[int]) -> bytes:
        """The state as of now."""


class Place:
    """Where the result of a question belongs, if no point of its devices has changed since it was looked up."""

    def __init__(self, entries: Entries, key: bytes, kept: bytes | None, max_bytes: int) -> None:
        self._entries = entries
        self._key = key
        self._max_bytes = max_bytes
        #: The result, None where none is kept.
        self.kept = kept

    async def keep(self, result: bytes) -> None:
        """Keep what was computed of points that were read after the place was looked up."""
        if len(result) <= self._max_bytes:
            await self._entries.put(self._key, result)


class ResultCache:
    """Results of questions about the points of one store.

    A key holds the state of the points as it was read before them, so that an entry is found only by whoever reads
    that same state once more: then no change was committed in between, wherever it was made (docs/adr/0012).
    """

    def __init__(
        self,
        entries: Entries,
        generations: GenerationsPort,
        is_usable: Callable[[], bool],
        count: Callable[[str, str], None],
        max_result_bytes: int,
    ) -> None:
        """``is_usable``: whether reads come from the store of the ``generations`` now. ``count`` is told of each
        question: its method, and hit, miss or bypass."""
        self._entries = entries
        self._generations = generations
        self._is_usable = is_usable
        self._count = count
        self._max_result_bytes = max_result_bytes

    async def look_up(self, question: Question) -> Place | None:
        """Return the place of a result, None where it is not to be kept.

        :raises StoreUnavailableError: the state of the points cannot be read.
        """
        if not (self._is_usable() and self._entries.is_up):
            self._count(question.method, "bypass")
            return None
        key = _key(question, await self._generations.digest(sorted(question.owners)))
        kept = await self._entries.get(key)
        self._count(question.method, "miss" if kept is None else "hit")
        return Place(self._entries, key, kept, self._max_result_bytes)


def _key(question: Question, state: bytes) -> bytes:
    digest = hashlib.sha256()
    owners = repr(sorted(question.owners.items())).encode()
    for part in (_VERSION, question.method.encode(), question.request, owners, state):
        # With its length, lest two questions share one row of bytes.
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()
