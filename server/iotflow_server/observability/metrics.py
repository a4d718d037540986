"""What Prometheus may ask. Every metric of the server is named here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from iotflow_server.observability.load import StoreLoad, StoreMeter
from iotflow_server.observability.timing import StoreTimer
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.permission import WithdrawnError

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Lag(Protocol):
    """How far a store is behind; see migration/dirt.py."""

    @property
    def ranges(self) -> int:
        """Ranges in which it may differ."""

    @property
    def points(self) -> int:
        """Points in them, as far as known."""

    @property
    def lag_seconds(self) -> float:
        """Since the oldest was noted."""


class Metrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._calls = Counter("iotflow_rpcs", "Calls that ended.", ["method", "code"], registry=registry)
        self._call_seconds = Histogram(
            "iotflow_rpc_seconds", "Duration of calls; streams from open to end.", ["method"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        #: To look a metric up by its labels takes longer than to count.
        self._ended: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._store_times: dict[tuple[StoreName, str], Histogram] = {}
        self._accepted = Counter("iotflow_points_accepted", "Points stored.", registry=registry)
        self._rejected = Counter("iotflow_points_rejected", "Points refused.", ["reason"], registry=registry)
        self._store_seconds = Histogram(
            "iotflow_store_seconds", "Duration of a store's operations.", ["store", "operation"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._store_errors = Counter(
            "iotflow_store_errors", "Operations of a store that failed.", ["store", "operation"], registry=registry
        )
        self._store_points = Counter(
            "iotflow_store_points_written", "Points that callers' writes brought to a store.", ["store"],
            registry=registry,
        )  # fmt: skip
        self._repaired = Counter(
            "iotflow_repaired_points", "Points that the repair of dirty ranges carried to a store.", ["store"],
            registry=registry,
        )  # fmt: skip
        self._results = Counter(
            "iotflow_cached_results", "Questions put to the result cache: hit, miss or bypass.", ["method", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._phase = Gauge(
            "iotflow_phase", "1 for the phase the fleet stands in.", ["phase"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._dirty = Gauge(
            "iotflow_dirty_ranges", "Ranges of the fleet in which a store may differ from the one read.", ["store"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._dirty_points = Gauge(
            "iotflow_dirty_points", "Points that writes have noted in these ranges; an estimate.", ["store"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._dirty_seconds = Gauge(
            "iotflow_dirty_seconds", "Since the oldest of these ranges was noted.", ["store"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._inflight = Gauge(
            "iotflow_inflight_bytes", "Points taken but not yet stored.",
            registry=registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self._job_points = Gauge(
            "iotflow_job_points", "Points of a job that runs here, by what: done or total.", ["job", "kind", "what"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._job_rate = Gauge(
            "iotflow_job_points_per_second", "Rate of a job that runs here.", ["job", "kind"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._shadow_reads = Counter(
            "iotflow_shadow_reads", "Reads that both stores were asked: alike, mismatch, dropped, failed or unsure.",
            ["method", "outcome"], registry=registry,
        )  # fmt: skip
        self._shadow_seconds = Histogram(
            "iotflow_shadow_read_seconds", "Duration of such reads, the same ones by both stores.", ["store", "method"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._rollup_lag = Gauge(
            "iotflow_rollup_lag_seconds", "From the end of the last day that has figures of hours till now.",
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._rollup_marks = Gauge(
            "iotflow_rollup_marks", "Ranges of devices whose figures of hours are to be computed anew.",
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._rolled_points = Counter(
            "iotflow_rolled_points", "Points that figures of hours were computed of.", registry=registry
        )
        #: What each store has to do.
        self.meters = {store: StoreMeter() for store in StoreName}
        self._watched: list[tuple[Gauge, Callable[[], float]]] = []

    def call_ended(self, method: str, code: str, seconds: float) -> None:
        """Count a call."""
        ended = self._ended.get((method, code))
        if ended is None:
            ended = self._ended[method, code] = (self._calls.labels(method, code), self._call_seconds.labels(method))
        ended[0].inc()
        ended[1].observe(seconds)

    def points_written(self, accepted: int) -> None:
        """Count stored points."""
        self._accepted.inc(accepted)

    def points_rejected(self, reason: str, count: int) -> None:
        """Count refused points."""
        self._rejected.labels(reason).inc(count)

    def result_looked_up(self, method: str, outcome: str) -> None:
        """Count a question that was put to the result cache."""
        self._results.labels(method, outcome).inc()

    def time_store(self, store: StoreName, operation: str) -> StoreTimer:
        """Time one operation of a store; one that raises is counted as an error."""
        return StoreTimer(partial(self._store_took, store, operation))

    def _store_took(self, store: StoreName, operation: str, seconds: float, error: type[BaseException] | None) -> None:
        if error is not None and issubclass(error, Exception) and not issubclass(error, WithdrawnError):
            self._store_errors.labels(store, operation).inc()
        self._store_time(store, operation).observe(seconds)
        if operation == "write":
            self.meters[store].writes.add(seconds)

    def _store_time(self, store: StoreName, operation: str) -> Histogram:
        found = self._store_times.get((store, operation))
        if found is None:
            found = self._store_times[store, operation] = self._store_seconds.labels(store, operation)
        return found

    def points_stored(self, store: StoreName, points: int) -> None:
        """Count points that callers' writes have brought to a store."""
        self._store_points.labels(store).inc(points)
        self.meters[store].wrote(points)

    def read_took(self, store: StoreName, seconds: float) -> None:
        """Note a read that a store has answered."""
        self.meters[store].read(seconds)

    def points_repaired(self, store: StoreName, points: int) -> None:
        """Count points that the repair has carried to a store."""
        self._repaired.labels(store).inc(points)
        self.meters[store].repaired += points

    def loads(self) -> dict[StoreName, StoreLoad]:
        """What each store has to do by this process."""
        return {store: meter.load for store, meter in self.meters.items()}

    def job_progress(self, job: int, kind: str, *, done: int, total: int, points_per_second: float) -> None:
        """Show how far a job has come that runs here."""
        self._job_points.labels(job, kind, "done").set(done)
        self._job_points.labels(job, kind, "total").set(total)
        self._job_rate.labels(job, kind).set(points_per_second)

    def shadow_read(self, method: str, outcome: str) -> None:
        """Count a read that both stores were asked."""
        self._shadow_reads.labels(method, outcome).inc()

    def shadow_took(self, store: StoreName, method: str, seconds: float) -> None:
        """Tell how long a store took for it."""
        self._shadow_seconds.labels(store, method).observe(seconds)

    def rollups_refreshed(self, lag_seconds: float, marks: int, points: int) -> None:
        """Show how far figures of hours are behind, and count the points that they were computed of."""
        self._rollup_lag.set(lag_seconds)
        self._rollup_marks.set(marks)
        self._rolled_points.inc(points)

    def watch_phase(self, current: Callable[[], Phase]) -> None:
        """Show the phase, asked for whenever metrics are read."""
        for phase in Phase:
            self._watch(self._phase.labels(phase), partial(_is_current, current, phase))

    def watch_dirt(self, store: StoreName, dirt: Callable[[], Lag]) -> None:
        """Show what is dirty of a store."""
        self._watch(self._dirty.labels(store), lambda: dirt().ranges)
        self._watch(self._dirty_points.labels(store), lambda: dirt().points)
        self._watch(self._dirty_seconds.labels(store), lambda: dirt().lag_seconds)

    def watch_inflight_bytes(self, count: Callable[[], int]) -> None:
        """Show the bytes in flight."""
        self._watch(self._inflight, count)

    def publish_gauges(self) -> None:
        """Note what the gauges show now, for another process that reads them and cannot ask."""
        for gauge, current in self._watched:
            gauge.set(current())

    def _watch(self, gauge: Gauge, current: Callable[[], float]) -> None:
        gauge.set_function(current)
        self._watched.append((gauge, current))


def _is_current(current: Callable[[], Phase], phase: Phase) -> float:
    return float(current() is phase)
