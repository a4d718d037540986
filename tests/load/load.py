"""One config under load: its channels, its workers' calls, and how they went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import monotonic

import grpc

from tests.load.calling import Invoke, invoker
from tests.load.config import CallConfig
from tests.load.outcome import Outcome, timed
from tests.load.pacer import Pacer
from tests.load.payloads import Payloads, context
from tests.load.report import EndReason, Report, report_of
from tests.load.stubs import resolve

#: Answers may be of any size, as for ghz.
_CHANNEL_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
#: Makes the next call when it is due and tells how it went; None once there is none left.
Worker = Callable[[], Outcome | None]


class Load:
    """Calls what one config says."""

    def __init__(self, config: CallConfig) -> None:
        """:raises ConfigError: the config does not fit the service."""
        self.config = config
        # Without a pool of its own a channel would share the connection of the others.
        self._channels = [
            grpc.insecure_channel(config.host, [*_CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1)])
            for _ in range(config.connections)
        ]
        self._method = resolve(config, self._channels[0])
        self._payloads = Payloads(config, self._method)
        self._pacer = Pacer(config)
        self._ended: float | None = None
        self._is_over = False
        self._ignoring = False
        self._outcomes: list[Outcome] = []

    @property
    def outcomes(self) -> list[Outcome]:
        """The calls that count, in the order in which they ended."""
        return self._outcomes[self.config.skip_first :]

    def workers(self) -> Iterator[Worker]:
        """The workers; they share the channels evenly and are named as ghz names its own."""
        prefix = f"{self.config.name}:" if self.config.name else ""
        invokes = [invoker(channel, self._method) for channel in self._channels]
        for index in range(self.config.concurrency):
            turn = index % len(invokes)
            yield self._worker(f"{prefix}g{index}c{turn}", invokes[turn])

    def cut(self) -> None:
        """End the calls under way, as ``duration-stop`` has it; called when the duration is over."""
        self._is_over = True
        if self.config.duration_stop == "wait":
            return
        self._ignoring = self.config.duration_stop == "ignore"
        for channel in self._channels:
            channel.close()

    def report(self) -> Report:
        """What ghz would report of the calls so far."""
        seconds = 0.0 if self._pacer.began is None else (self._ended or monotonic()) - self._pacer.began
        return report_of(self.config, self.outcomes, seconds, datetime.now(UTC), self._end_reason())

    def _end_reason(self) -> EndReason:
        if len(self._outcomes) == self.config.calls:
            return "normal"
        return "timeout" if self._is_over or self._pacer.ended else "cancel"

    def _worker(self, worker_id: str, invoke: Invoke) -> Worker:
        def work() -> Outcome | None:
            number = self._pacer.next()
            return None if number is None else self._make(number, worker_id, invoke)

        return work

    def _make(self, number: int, worker_id: str, invoke: Invoke) -> Outcome | None:
        call = context(self._method, worker_id, number)
        messages, metadata = self._payloads.messages(call), self._payloads.metadata(call)
        outcome = timed(lambda: invoke(messages, self.config.timeout or None, metadata))
        if self._ignoring:
            return None
        self._ended = monotonic()
        self._outcomes.append(outcome)
        return outcome
