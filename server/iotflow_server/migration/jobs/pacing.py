"""Holds a job back: by the hours it may work, by limits of points a second, and by the load that it meets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from iotflow_server.migration.jobs.hours import Hours
from iotflow_server.migration.jobs.spec import JobPace
from iotflow_server.stores.name import StoreName

#: A wait looks so often whether it has been made needless.
_LOOK_SECONDS: Final = 0.25
#: A reason is shown for so long after it has ended, lest short waits be never seen.
_SHOWN_SECONDS: Final = 2.0
#: Least share of its time that a job works while others suffer.
_LEAST_SHARE: Final = 1 / 32

#: Why a job should work less now; empty where it need not.
Strain = Callable[[], str]


class PointLimit:
    """At most so many points a second, None: any number. Points taken at once are paid for afterwards."""

    def __init__(self) -> None:
        self.rate: int | None = None
        self._owed = 0.0
        self._counted = time.monotonic()

    def take(self, points: int) -> None:
        """Count points."""
        if self.rate is not None:
            self._owed += points

    @property
    def seconds_to_wait(self) -> float:
        """Until what was taken is paid for."""
        now = time.monotonic()
        elapsed, self._counted = now - self._counted, now
        if self.rate is None:
            self._owed = 0.0
            return 0.0
        self._owed = max(0.0, self._owed - elapsed * self.rate)
        return self._owed / self.rate


class BackOff:
    """Which share of its time a job works: halved each second while it strains others, then slowly whole again."""

    def __init__(self, strain: Strain, least_share: float) -> None:
        self._strain = strain
        self._least_share = least_share
        self._looked = time.monotonic()
        self.share = 1.0
        self.reason = ""

    def look(self) -> None:
        """Adapt the share, once a second."""
        now = time.monotonic()
        if now - self._looked < 1.0:
            return
        self._looked = now
        self.reason = self._strain()
        self.share = max(self.share / 2, self._least_share) if self.reason else min(self.share * 1.5, 1.0)


class Pacing:
    """How one job is held back, and what it waits for."""

    def __init__(self, pace: JobPace, strain: Strain) -> None:
        self._limits = {store: PointLimit() for store in StoreName}
        self._back_off = BackOff(strain, _LEAST_SHARE)
        self._reason = ("", 0.0)
        self.change(pace)

    def change(self, pace: JobPace) -> None:
        """Set anew how hard the job may work; what waits now notices."""
        self._hours = Hours.parse(pace.hours, pace.time_zone)
        for store, limit in self._limits.items():
            limit.rate = pace.points_per_second.get(store) or None

    @property
    def waiting_for(self) -> str:
        """What is waited for now or was a moment ago; empty where nothing is."""
        reason, until = self._reason
        return reason if time.monotonic() < until else ""

    @contextmanager
    def waiting(self, reason: str) -> Iterator[None]:
        """Show a reason during the block."""
        self._reason = (reason, float("inf"))
        try:
            yield
        finally:
            if self._reason[0] == reason:
                self._reason = (reason, time.monotonic() + _SHOWN_SECONDS)

    async def wait_for_hours(self) -> None:
        """Return when the time of the day allows to work."""
        while not self._hours.allow(datetime.now(UTC)):
            with self.waiting(f"the hours at which it may work: {self._hours}"):
                await asyncio.sleep(_LOOK_SECONDS)

    async def pace(self, store: StoreName, points: int) -> None:
        """Return when so many points may go to or come from a store."""
        await self._yield_to_others()
        await self.wait_for_hours()
        limit = self._limits[store]
        while seconds := limit.seconds_to_wait:
            with self.waiting(f"its limit of {limit.rate} points/s for {store}"):
                await asyncio.sleep(min(seconds, _LOOK_SECONDS))
        limit.take(points)

    async def _yield_to_others(self) -> None:
        """Work in the first share of each second, and sleep through the rest of it."""
        self._back_off.look()
        within = time.monotonic() % 1.0
        if within > self._back_off.share:
            with self.waiting(self._back_off.reason or "what was strained to recover"):
                await asyncio.sleep(1.0 - within)
