"""What BlockingTelemetryClient does with the migration."""

from __future__ import annotations

from collections.abc import Iterator

from iotflow.telemetry import _migration_calls
from iotflow.telemetry._asking import BlockingAsking
from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._comparisons import ShadowMismatchPage, ShadowReplay, VerificationReport
from iotflow.telemetry._enums import Phase
from iotflow.telemetry._migration import Instance, Migration, decode_migration


class BlockingTelemetryMigration(BlockingAsking):
    """The part of BlockingTelemetryClient that is about the migration."""

    def get_migration(
        self,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Migration:
        """See TelemetryClient.get_migration."""
        return self._answer(_migration_calls.get_migration(), timeout)

    def advance_phase(
        self,
        *,
        expected_phase: Phase | str | None = None,
        changed_by: str = "",
        reason: str = "",
        force: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Migration:
        """See TelemetryClient.advance_phase."""
        return self._answer(_migration_calls.advance_phase(expected_phase, changed_by, reason, force), timeout)

    def roll_back_phase(
        self,
        *,
        expected_phase: Phase | str | None = None,
        changed_by: str = "",
        reason: str = "",
        force: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Migration:
        """See TelemetryClient.roll_back_phase."""
        return self._answer(_migration_calls.roll_back_phase(expected_phase, changed_by, reason, force), timeout)

    def watch_migration(self, *, every: float = 0.0, timeout: float | None = None) -> Iterator[Migration]:
        """See TelemetryClient.watch_migration."""
        request = _migration_calls.watch_migration(every)
        return map(decode_migration, self._responses("WatchMigration", request, timeout))

    def list_instances(self, *, timeout: float = DEFAULT_TIMEOUT) -> tuple[Instance, ...]:
        """See TelemetryClient.list_instances."""
        return self._answer(_migration_calls.list_instances(), timeout)

    def remove_instance(self, instance_id: str, *, timeout: float = DEFAULT_TIMEOUT) -> tuple[Instance, ...]:
        """See TelemetryClient.remove_instance."""
        return self._answer(_migration_calls.remove_instance(instance_id), timeout)

    def get_verification_report(self, job_id: int, *, timeout: float = DEFAULT_TIMEOUT) -> VerificationReport:
        """See TelemetryClient.get_verification_report."""
        return self._answer(_migration_calls.get_verification_report(job_id), timeout)

    def list_shadow_mismatches(
        self, *, page_size: int = 0, page_token: str = "", timeout: float = DEFAULT_TIMEOUT
    ) -> ShadowMismatchPage:
        """See TelemetryClient.list_shadow_mismatches."""
        return self._answer(_migration_calls.list_shadow_mismatches(page_size, page_token), timeout)

    def replay_shadow_mismatch(self, mismatch_id: int, *, timeout: float = DEFAULT_TIMEOUT) -> ShadowReplay:
        """See TelemetryClient.replay_shadow_mismatch."""
        return self._answer(_migration_calls.replay_shadow_mismatch(mismatch_id), timeout)
