"""What was written and is not yet acknowledged: in memory as far as there is room, on disk otherwise."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from iotflow.telemetry._entries import Entry
from iotflow.telemetry._pulse import Pulse
from iotflow.telemetry._spool import Contents, IdRange

#: Payload that one transaction writes, at most, but for a single entry that is larger.
_COMMIT_BYTES: Final = 2 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """What is to be done to the file in one transaction."""

    deletions: list[IdRange]
    inserts: list[Entry]


class Backlog:
    """Entries in the order of writing. Each is in one place: in flight, then in the head, then only on disk.

    An entry in flight was handed out; one in the head is the next to be. What is *unsaved* exists in memory alone.
    It knows nothing of the file: :meth:`next_commit` says what has to be done to it, :meth:`load` takes what was read.
    """

    def __init__(self, contents: Contents, head_bytes: int, *, is_durable: bool) -> None:
        self._is_durable = is_durable
        self._saves_loose = True
        self._max_head_bytes = head_bytes
        self._head: deque[Entry] = deque()
        self._head_bytes = 0
        self._in_flight: deque[Entry] = deque()
        self._to_save: deque[Entry] = deque()
        self._deletions: list[IdRange] = []
        self._committing: Commit | None = None
        self._last_id = contents.last_id
        self._loaded_through = max(0, contents.first_id - 1)
        self._saved_through = contents.last_id
        self._unloaded_since = contents.oldest_written_at
        #: Points not yet acknowledged.
        self.points = contents.points
        #: Bytes they take of the file, or would take.
        self.footprint = contents.footprint
        #: Bytes that are in memory alone.
        self.unsaved_bytes = 0
        self.dropped_points = 0
        #: Beats whenever any of this has changed.
        self.changed = Pulse()

    @property
    def last_id(self) -> int:
        """Id of the newest entry."""
        return self._last_id

    @property
    def has_unloaded(self) -> bool:
        """Whether entries after the head are only on disk."""
        return self._saved_through > self._loaded_through

    @property
    def loaded_through(self) -> int:
        """Id of the last entry of the head."""
        return self._loaded_through

    @property
    def head_payload(self) -> int:
        """Bytes of payload in the head."""
        return self._head_bytes

    @property
    def oldest_written_at(self) -> float | None:
        """When the oldest entry was written, in seconds since 1970."""
        for place in (self._in_flight, self._head):
            if place:
                return place[0].written_at
        if self.has_unloaded:
            return self._unloaded_since
        first = self._first_unloaded()
        return None if first is None else first.written_at

    def is_settled(self, through: int) -> bool:
        """Whether no entry up to this id waits any more."""
        for place in (self._in_flight, self._head):
            if place:
                return place[0].id > through
        if self.has_unloaded:
            return self._loaded_through >= through
        first = self._first_unloaded()
        return first is None or first.id > through

    def append(self, points: int, written_at: float, payload: bytes) -> None:
        """Add an entry."""
        self._last_id += 1
        entry = Entry(self._last_id, points, written_at, payload)
        self.points += points
        self.footprint += entry.footprint
        self.unsaved_bytes += entry.footprint
        if self._goes_to_disk():
            self._to_save.append(entry)
        else:
            self._load_one(entry)
        self.changed.beat()

    def save_loose(self, *, is_wanted: bool) -> None:
        """Whether what could stay in memory alone has to go to disk, because there is nowhere to send it."""
        self._saves_loose = is_wanted
        if is_wanted:
            waiting = {entry.id for entry in self._to_save}
            loose = [e for e in (*self._in_flight, *self._head) if not e.is_on_disk and e.id not in waiting]
            self._to_save.extendleft(reversed(loose))
            self.changed.beat()

    @property
    def has_commit(self) -> bool:
        """Whether something has to be done to the file."""
        return bool(self._to_save or self._deletions)

    @property
    def has_inserts(self) -> bool:
        """Whether something has to be put on disk."""
        return bool(self._to_save)

    def next_commit(self) -> Commit:
        """What has to be done to the file next; :meth:`committed` or :meth:`failed` has to follow."""
        inserts: list[Entry] = []
        nbytes = 0
        while self._to_save and nbytes < _COMMIT_BYTES:
            entry = self._to_save.popleft()
            entry.is_on_disk = True
            inserts.append(entry)
            nbytes += len(entry.payload)
        self._committing = Commit(self._deletions, inserts)
        self._deletions = []
        return self._committing

    def committed(self, commit: Commit) -> None:
        """A commit is done."""
        self._committing = None
        for entry in commit.inserts:
            self.unsaved_bytes -= entry.footprint
            self._saved_through = max(self._saved_through, entry.id)
            if entry.id == self._loaded_through + 1 and self._has_head_room:
                self._load_one(entry)
            elif entry.id == self._loaded_through + 1:
                self._unloaded_since = entry.written_at
        self.changed.beat()

    def failed(self, commit: Commit, *, is_kept: bool) -> None:
        """A commit was not done; what it was to save is ``is_kept`` to be tried again, or given up."""
        self._committing = None
        self._deletions = [*commit.deletions, *self._deletions]
        for entry in commit.inserts:
            entry.is_on_disk = False
        loaded = {entry.id for entry in (*self._in_flight, *self._head)}
        waiting = [entry for entry in commit.inserts if entry.id > self._loaded_through or entry.id in loaded]
        self.unsaved_bytes -= sum(entry.footprint for entry in commit.inserts) - sum(e.footprint for e in waiting)
        self._to_save.extendleft(reversed(waiting))
        if not is_kept:
            self._give_up()
        self.changed.beat()

    def load(self, entries: Iterable[Entry]) -> None:
        """Put entries read from disk at the end of the head."""
        for entry in entries:
            self._load_one(entry)
            self._unloaded_since = entry.written_at

    def take(self) -> list[Entry]:
        """Hand the head out, as much of it as may be sent now."""
        taken: list[Entry] = []
        while self._head and self._may_send(self._head[0]):
            taken.append(self._pop_head())
            self._in_flight.append(taken[-1])
        return taken

    @property
    def next_to_send(self) -> Entry | None:
        """The entry that may be sent now, if there is one."""
        return self._head[0] if self._head and self._may_send(self._head[0]) else None

    def acknowledge(self, through: int) -> None:
        """The entries in flight up to this id are durable at the server."""
        while self._in_flight and self._in_flight[0].id <= through:
            self._forget(self._in_flight.popleft())
        self.changed.beat()

    def rewind(self) -> None:
        """What is in flight has to be sent again."""
        for entry in reversed(self._in_flight):
            self._head.appendleft(entry)
            self._head_bytes += len(entry.payload)
        self._in_flight.clear()

    def drop_oldest(self) -> bool:
        """Give up the oldest entry that is not in flight; False where the head is empty."""
        if not self._head:
            return False
        entry = self._pop_head()
        self.dropped_points += entry.points
        self._forget(entry)
        self.changed.beat()
        return True

    def _goes_to_disk(self) -> bool:
        is_loose = not self._is_durable and not self._saves_loose
        is_next = not self.has_unloaded and self._first_unloaded() is None
        return not is_loose or not is_next or not self._has_head_room

    def _first_unloaded(self) -> Entry | None:
        """The first entry on its way to disk that is not in the head."""
        under_way = self._committing.inserts if self._committing is not None else []
        return next((entry for entry in (*under_way, *self._to_save) if entry.id > self._loaded_through), None)

    @property
    def _has_head_room(self) -> bool:
        return self._head_bytes < self._max_head_bytes

    def _load_one(self, entry: Entry) -> None:
        self._head.append(entry)
        self._head_bytes += len(entry.payload)
        self._loaded_through = entry.id

    def _pop_head(self) -> Entry:
        entry = self._head.popleft()
        self._head_bytes -= len(entry.payload)
        return entry

    def _may_send(self, entry: Entry) -> bool:
        """After a kill what is on disk is sent again: nothing newer may be stored by then that is in memory alone."""
        if entry.is_on_disk:
            return True
        is_deleting = self._deletions or (self._committing is not None and self._committing.deletions)
        return not is_deleting and not any(each.is_on_disk for each in self._in_flight)

    def _forget(self, entry: Entry) -> None:
        self.points -= entry.points
        self.footprint -= entry.footprint
        if entry.is_on_disk:
            self._delete(entry.id)
        else:
            self.unsaved_bytes -= entry.footprint
            with suppress(ValueError):
                self._to_save.remove(entry)

    def _delete(self, number: int) -> None:
        if self._deletions and self._deletions[-1][1] == number - 1:
            self._deletions[-1] = (self._deletions[-1][0], number)
        else:
            self._deletions.append((number, number))

    def _give_up(self) -> None:
        for entry in self._to_save:
            self.points -= entry.points
            self.footprint -= entry.footprint
            self.unsaved_bytes -= entry.footprint
        self._to_save.clear()
