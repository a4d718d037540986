"""Submissions that wait, in a queue for each device; a step costs the same however many wait."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.stores.batch import Batch


@dataclass(frozen=True, slots=True, eq=False)
class Submission:
    """Batches that somebody waits for."""

    batches: Sequence[Batch]
    devices: frozenset[int]
    nbytes: int
    done: asyncio.Future[WriteOutcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Pending:
    """Keeps the order of each device: a submission may go once it is the first of all its devices."""

    def __init__(self) -> None:
        self._queues: dict[int, deque[Submission]] = {}
        #: Devices whose first submission may be able to go, in the order in which they came to be looked at.
        self._to_look_at: dict[int, None] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, submission: Submission) -> None:
        """Put a submission behind those of its devices."""
        for device_id in submission.devices:
            self._queues.setdefault(device_id, deque()).append(submission)
        self.look_at(submission.devices)

    def look_at(self, device_ids: Collection[int] | None) -> None:
        """Devices have become free: their submissions may go. None: all of them."""
        looked_at = self._queues.keys() if device_ids is None else self._queues.keys() & device_ids
        self._to_look_at |= dict.fromkeys(looked_at)

    def take(self, is_free: Callable[[int], bool], max_bytes: int) -> list[Submission]:
        """Take submissions that may go now, one behind the other for a device, until they have so many bytes."""
        taken: list[Submission] = []
        own: set[int] = set()
        nbytes = 0

        def may_take(device_id: int) -> bool:
            return device_id in own or is_free(device_id)

        while self._to_look_at and nbytes < max_bytes:
            device_id = next(iter(self._to_look_at))
            submission = self._first_if_free(device_id, may_take)
            if submission is None:
                # It is looked at again when what it waits for is free.
                del self._to_look_at[device_id]
                continue
            self._remove(submission)
            taken.append(submission)
            own |= submission.devices
            nbytes += submission.nbytes
        self._put_last(own)
        return taken

    def _put_last(self, device_ids: Collection[int]) -> None:
        """Let other devices go first the next time, lest a flood of one keeps them waiting."""
        for device_id in device_ids:
            if device_id in self._to_look_at:
                del self._to_look_at[device_id]
                self._to_look_at[device_id] = None

    def _first_if_free(self, device_id: int, is_free: Callable[[int], bool]) -> Submission | None:
        queue = self._queues.get(device_id)
        if not queue:
            return None
        first = queue[0]
        may_go = all(self._queues[device][0] is first and is_free(device) for device in first.devices)
        return first if may_go else None

    def _remove(self, submission: Submission) -> None:
        for device_id in submission.devices:
            queue = self._queues[device_id]
            queue.popleft()
            if not queue:
                del self._queues[device_id]
        # What stood behind it is the first of these devices now.
        self.look_at(submission.devices)
