"""What TelemetryClient does with the migration."""

from __future__ import annotations

from collections.abc import AsyncIterator

from iotflow.telemetry import _migration_calls
from iotflow.telemetry._asking import Asking
from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._comparisons import ShadowMismatchPage, ShadowReplay, VerificationReport
from iotflow.telemetry._enums import Phase
from iotflow.telemetry._migration import Instance, Migration, decode_migration


class TelemetryMigration(Asking):
    """The part of TelemetryClient that is about the migration."""

    async def get_migration(
        self,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Migration:
        """Where the migration stands, and what the next step waits for."""
        return await self._answer(_migration_calls.get_migration(), timeout)

    async def advance_phase(
        self,
        *,
        expected_phase: Phase | str | None = None,
        changed_by: str = "",
        reason: str = "",
        force: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Migration:
        """Move to the next phase. ``changed_by`` and ``reason`` are kept in the history; ``force`` needs a reason.

        :raises AbortedError: the phase is not ``expected_phase``.
        :raises FailedPreconditionError: guards do not hold; ``violations`` name them.
        """
        return await self._answer(_migration_calls.advance_phase(expected_phase, changed_by, reason, force), timeout)

    async def roll_back_phase(
        self,
        *,
        expected_phase: Phase | str | None = None,
        changed_by: str = "",
        reason: str = "",
        force: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Migration:
        """Move back to the phase before; arguments and errors are those of advance_phase."""
        return await self._answer(_migration_calls.roll_back_phase(expected_phase, changed_by, reason, force), timeout)

    async def watch_migration(self, *, every: float = 0.0, timeout: float | None = None) -> AsyncIterator[Migration]:
        """Where the migration stands, whenever that changes, and at least ``every`` seconds, 1 to 60, 0 for 2.

        Ends when the server drains, or after ``timeout`` seconds with DeadlineExceededError.
        """
        request = _migration_calls.watch_migration(every)
        async for response in self._responses("WatchMigration", request, timeout):
            yield decode_migration(response)

    async def list_instances(self, *, timeout: float = DEFAULT_TIMEOUT) -> tuple[Instance, ...]:
        """The processes that serve the fleet, by name; none while PostgreSQL is away."""
        return await self._answer(_migration_calls.list_instances(), timeout)

    async def remove_instance(self, instance_id: str, *, timeout: float = DEFAULT_TIMEOUT) -> tuple[Instance, ...]:
        """Say that an instance is dead; return those that are left.

        :raises FailedPreconditionError: it is heard of, and has to be stopped first.
        """
        return await self._answer(_migration_calls.remove_instance(instance_id), timeout)

    async def get_verification_report(self, job_id: int, *, timeout: float = DEFAULT_TIMEOUT) -> VerificationReport:
        """What a verification or repair compared and what differed, also of one that runs."""
        return await self._answer(_migration_calls.get_verification_report(job_id), timeout)

    async def list_shadow_mismatches(
        self, *, page_size: int = 0, page_token: str = "", timeout: float = DEFAULT_TIMEOUT
    ) -> ShadowMismatchPage:
        """One page of the reads that both stores answered differently, newest first."""
        return await self._answer(_migration_calls.list_shadow_mismatches(page_size, page_token), timeout)

    async def replay_shadow_mismatch(self, mismatch_id: int, *, timeout: float = DEFAULT_TIMEOUT) -> ShadowReplay:
        """Ask both stores again what such a read asked."""
        return await self._answer(_migration_calls.replay_shadow_mismatch(mismatch_id), timeout)
