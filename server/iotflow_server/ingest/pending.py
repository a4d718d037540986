"""Submissions that wait, in a queue for each device; a step costs the same however many wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Set

from iotflow_server.ingest.waiter import Waiter
from iotflow_server.ingest.writable import Writable


class Submission:
    """Something writable that somebody waits for."""

    __slots__ = ("devices", "nbytes", "size", "waiter", "writable")

    def __init__(self, writable: Writable, waiter: Waiter) -> None:
        self.writable = writable
        self.devices = writable.devices
        self.nbytes = writable.nbytes
        self.size = writable.size
        self.waiter = waiter


class Pending:
    """Keeps the order of each device: a submission may go once it is the first of all its devices."""

    def __init__(self) -> None:
        self._queues: dict[int, deque[Submission]] = {}
        #: Devices whose first submission may be able to go, in the order in which they came to be looked at.
        self._to_look_at: dict[int, None] = {}
        #: Bytes that all of them hold.
        self.nbytes = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, submission: Submission) -> None:
        """Put a submission behind those of its devices."""
        self.nbytes += submission.nbytes
        self._count += 1
        for device_id in submission.devices:
            queue = self._queues.get(device_id)
            if queue is None:
                self._queues[device_id] = deque((submission,))
                self._to_look_at[device_id] = None
            else:
                queue.append(submission)

    def withdraw(self, writables: Collection[Writable]) -> set[Submission]:
        """Take away the submissions of writables that are still here, and return them."""
        gone = set(writables)
        devices: frozenset[int] = frozenset().union(*(writable.devices for writable in gone))
        withdrawn = {submission for device_id in devices for submission in self._withdraw_from(device_id, gone)}
        self.nbytes -= sum(submission.nbytes for submission in withdrawn)
        self._count -= len(withdrawn)
        return withdrawn

    def look_at(self, device_ids: Collection[int] | None) -> None:
        """Devices have become free: their submissions may go. None: all of them."""
        looked_at = self._queues.keys() if device_ids is None else self._queues.keys() & device_ids
        self._to_look_at |= dict.fromkeys(looked_at)

    def take(self, is_free: Callable[[int], bool], max_size: int, max_count: int) -> list[Submission]:
        """Take submissions that may go now until their values have so many bytes, or there are so many: of one device
        after the other, all it has.

        So few devices are busy at once, and others are left for the next flush.
        """
        taken: list[Submission] = []
        own: set[int] = set()
        size = 0
        while self._to_look_at and size < max_size and len(taken) < max_count:
            device_id = next(iter(self._to_look_at))
            submission = self._first_if_free(device_id, own, is_free)
            if submission is None:
                # It is looked at again when what it waits for is free.
                del self._to_look_at[device_id]
                continue
            self._remove(submission)
            taken.append(submission)
            own |= submission.devices
            size += submission.size
        self._put_last(own)
        return taken

    def _withdraw_from(self, device_id: int, gone: Set[Writable]) -> list[Submission]:
        queue = self._queues.get(device_id, deque())
        taken = [submission for submission in queue if submission.writable in gone]
        if len(taken) == len(queue):
            self._queues.pop(device_id, None)
        elif taken:
            self._queues[device_id] = deque(submission for submission in queue if submission.writable not in gone)
            # Another may be its first now.
            self._to_look_at.setdefault(device_id)
        return taken

    def _put_last(self, device_ids: Collection[int]) -> None:
        """Let other devices go first the next time, lest a flood of one keeps them waiting."""
        for device_id in device_ids:
            if device_id in self._to_look_at:
                del self._to_look_at[device_id]
                self._to_look_at[device_id] = None

    def _first_if_free(self, device_id: int, own: set[int], is_free: Callable[[int], bool]) -> Submission | None:
        queue = self._queues.get(device_id)
        if queue is None:
            return None
        first = queue[0]
        for device in first.devices:
            if self._queues[device][0] is not first or not (device in own or is_free(device)):
                return None
        return first

    def _remove(self, submission: Submission) -> None:
        self.nbytes -= submission.nbytes
        self._count -= 1
        for device_id in submission.devices:
            queue = self._queues[device_id]
            queue.popleft()
            if queue:
                # What stood behind it is the first of this device now.
                self._to_look_at.setdefault(device_id)
            else:
                del self._queues[device_id]
