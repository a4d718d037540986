"""The backlog over a real spool: whatever happens in whatever order, nothing is lost, doubled or out of order."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from iotflow.telemetry._backlog import Backlog, Commit
from iotflow.telemetry._entries import Entry
from iotflow.telemetry._spool import Spool

#: Entries overwrite each other: the n-th is a write of n under the key n % KEYS.
KEYS = 3
#: With so little room the head takes a few entries, and the others are only on disk.
HEAD_BYTES = 40

STEPS = ["append", "append", "begin", "end", "fail", "send", "acknowledge", "lose", "reach", "load", "kill"]


class Gateway:
    """A backlog, its spool, and the service that it sends to."""

    def __init__(self, path: Path, *, is_durable: bool) -> None:
        self.path = path
        self.is_durable = is_durable
        self.numbers = itertools.count(1)
        self.stored: dict[int, int] = {}
        self.sent: list[Entry] = []
        self.kept: set[int] = set()
        self.acknowledged: set[int] = set()
        self._open()

    def _open(self) -> None:
        self.spool = Spool.open(self.path, 1 << 20, is_durable=False)
        self.backlog = Backlog(self.spool.contents, HEAD_BYTES, is_durable=self.is_durable)
        self.commit: Commit | None = None
        self.sent = []
        self.highest_sent = self.highest_acknowledged = 0

    def step(self, what: str) -> None:
        getattr(self, what)()

    def append(self) -> None:
        self.backlog.append(1, 1.0, str(next(self.numbers)).zfill(10).encode())

    def begin(self) -> None:
        if self.commit is None and self.backlog.has_commit:
            self.commit = self.backlog.next_commit()
            self.spool.commit(self.commit.deletions, self.commit.inserts)

    def end(self) -> None:
        if self.commit is not None:
            self.backlog.committed(self.commit)
            self.kept |= {number(entry) for entry in self.commit.inserts}
            self.commit = None

    def fail(self) -> None:
        if self.commit is None and not self.is_durable and self.backlog.has_commit:
            self.backlog.failed(self.backlog.next_commit(), is_kept=True)

    def send(self) -> None:
        for entry in self.backlog.take():
            assert number(entry) > self.highest_sent, "out of order"
            self.highest_sent = number(entry)
            self.stored[number(entry) % KEYS] = number(entry)
            self.sent.append(entry)

    def acknowledge(self) -> None:
        if self.sent:
            entry = self.sent.pop(0)
            self.acknowledged.add(number(entry))
            self.highest_acknowledged = number(entry)
            self.backlog.acknowledge(entry.id)

    def lose(self) -> None:
        self.backlog.rewind()
        self.backlog.save_loose(is_wanted=True)
        self.sent = []
        # What was in flight comes again.
        self.highest_sent = self.highest_acknowledged

    def reach(self) -> None:
        self.backlog.save_loose(is_wanted=False)

    def load(self) -> None:
        if self.commit is None and self.backlog.has_unloaded and not self.backlog.head_payload:
            self.backlog.load(self.spool.page(self.backlog.loaded_through, 20))

    def kill(self) -> None:
        self.spool.close()
        self._open()

    def drain(self) -> None:
        self.end()
        self.lose()
        last_id = self.backlog.last_id
        while not self.backlog.is_settled(last_id):
            for what in ("begin", "end", "load", "send", "acknowledge"):
                self.step(what)


def number(entry: Entry) -> int:
    return int(entry.payload)


def run(steps: Sequence[str], *, is_durable: bool) -> Gateway:
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(Path(folder) / "spool", is_durable=is_durable)
        for step in steps:
            gateway.step(step)
        gateway.drain()
        gateway.begin()
        gateway.spool.close()
        return gateway


@given(st.lists(st.sampled_from(STEPS), min_size=40, max_size=120), st.booleans())
@settings(deadline=None, max_examples=100)
def test_what_was_kept_arrives_and_no_acknowledged_write_is_undone(steps: list[str], is_durable: bool) -> None:
    gateway = run(steps, is_durable=is_durable)
    assert gateway.kept <= gateway.acknowledged
    for key in range(KEYS):
        # A later one may be stored too, whose acknowledgement was not awaited.
        assert gateway.stored.get(key, 0) >= max((n for n in gateway.acknowledged if n % KEYS == key), default=0)


@given(st.lists(st.sampled_from([step for step in STEPS if step != "kill"]), min_size=40, max_size=120), st.booleans())
@settings(deadline=None, max_examples=100)
def test_without_a_kill_every_write_arrives_and_the_spool_is_empty_then(steps: list[str], is_durable: bool) -> None:
    gateway = run(steps, is_durable=is_durable)
    assert len(gateway.acknowledged) == next(gateway.numbers) - 1
    backlog = gateway.backlog
    assert (backlog.points, backlog.footprint, backlog.unsaved_bytes, backlog.oldest_written_at) == (0, 0, 0, None)
    assert not backlog.has_commit


@given(st.lists(st.sampled_from([*STEPS, "drop"]), min_size=40, max_size=120))
@settings(deadline=None, max_examples=100)
def test_what_is_dropped_is_counted_and_never_sent(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(Path(folder) / "spool", is_durable=True)
        for step in steps:
            if step == "drop":
                gateway.backlog.drop_oldest()
            elif step != "kill":
                gateway.step(step)
        gateway.drain()
        gateway.begin()
        gateway.spool.close()
        written = next(gateway.numbers) - 1
        assert len(gateway.acknowledged) + gateway.backlog.dropped_points == written
        assert Spool.open(gateway.path, 1 << 20, is_durable=False).contents.points == 0


def test_what_is_in_memory_alone_is_not_sent_while_something_older_is_on_disk(tmp_path: Path) -> None:
    # Killed at any of these steps, the next gateway sends the older write again: the newer one must not be stored yet.
    gateway = Gateway(tmp_path / "spool", is_durable=False)
    for step in ("append", "begin", "end", "reach", "append", "send", "send"):
        gateway.step(step)
    assert gateway.highest_sent == 1
    for step in ("acknowledge", "send", "begin", "send"):
        gateway.step(step)
        assert gateway.highest_sent == 1
    for step in ("end", "send", "acknowledge"):
        gateway.step(step)
    assert gateway.acknowledged == {1, 2}
    assert not gateway.backlog.has_commit
    gateway.spool.close()
