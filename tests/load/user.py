"""The user that locust runs: it takes a worker's seat and calls until there is nothing left to call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import gevent
from gevent.event import Event
from grpc.experimental import gevent as grpc_gevent
from locust import User, task
from locust.exception import StopUser

from tests.load.load import Load, Worker

# Before any channel is made, and after locust has patched the standard library: gRPC then waits as greenlets do.
grpc_gevent.init_gevent()


class Seats:
    """The workers of all loads that run at once, for as many users."""

    def __init__(self, loads: Iterable[Load]) -> None:
        self._free = [(load, worker) for load in loads for worker in load.workers()]
        self._taken = 0
        #: How many users are to be spawned.
        self.count = len(self._free)
        #: Set once every user has finished.
        self.finished = Event()

    def take(self) -> tuple[Load, Worker]:
        """A seat that no other user has."""
        self._taken += 1
        return self._free[self._taken - 1]

    def leave(self) -> None:
        """Tell that a user has finished."""
        self.count -= 1
        if self.count == 0:
            self.finished.set()


class GrpcUser(User):
    """Calls as its seat says and reports each call to locust as a request of type ``grpc``."""

    seats: ClassVar[Seats]

    def on_start(self) -> None:
        """Take a seat."""
        self._load, self._work = self.seats.take()

    def on_stop(self) -> None:
        """Leave it."""
        self.seats.leave()

    @task
    def call(self) -> None:
        """Make the next call when it is due."""
        outcome = self._work()
        if outcome is None:
            raise StopUser
        self.environment.events.request.fire(
            request_type="grpc",
            name=self._load.config.name,
            response_time=outcome.latency / 1e6,
            response_length=outcome.size,
            exception=outcome.error or None,
            context={"status": outcome.status},
        )


def cut_in_time(load: Load) -> None:
    """End the load's calls when its duration is over."""
    if load.config.seconds is not None:
        gevent.spawn_later(load.config.seconds, load.cut)
