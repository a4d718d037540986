from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import numpy as np
import pytest
import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo, PreconditionFailure

from iotflow.telemetry.v1 import access_service_pb2 as access
from iotflow.telemetry.v1 import migration_service_pb2 as moves
from iotflow.telemetry.v1 import telemetry_service_pb2 as pb
from iotflow.telemetry.v1.value_pb2 import Store, TelemetryRecord, Value
from iotflow_server.access.registry import OwnerConflictError
from iotflow_server.api.filters import deletion, page_size_of
from iotflow_server.ingest.errors import DrainingError
from iotflow_server.migration.status import Guard, GuardsUnsatisfiedError, NoNeighbourError, PhaseMismatchError
from iotflow_server.query.errors import AggregateOverflowError, InvalidTokenError
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.errors import StoreRefusedError, StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, Scope, Selection, TimeRange
from tests.unit.api.parts import Edge, running
from tests.unit.api.statuses import failure_of

EARLY, LATE = Timestamp(seconds=1), Timestamp(seconds=2)
ONE = pb.TelemetryFilter(device_ids=[1])


def record(device_id: int = 1, **values: float) -> TelemetryRecord:
    return TelemetryRecord(device_id=device_id, values={name: Value(numeric=value) for name, value in values.items()})


async def test_a_write_says_what_is_stored_where_and_what_is_not() -> None:
    async with running() as edge:
        edge.ingest.refusals = (Refusal(0, RefusalReason.TYPE, "text", "b"),)
        records = [record(13, a=1), record(a=1, b=2), record(0, a=1)]
        response = await edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest(records=records))
        assert response.accepted_points == 1
        assert [(r.field, r.reason) for r in response.rejections] == [
            ("records[2].device_id", pb.REJECTION_REASON_DEVICE_ID),
            ("records[0]", pb.REJECTION_REASON_UNKNOWN_DEVICE),
            ('records[1].values["b"]', pb.REJECTION_REASON_TYPE),
        ]
        assert list(response.stored_in) == [Store.STORE_POSTGRES]
        assert response.time_precision == pb.TIME_PRECISION_MICROSECOND
        assert edge.metrics.registry.get_sample_value("iotflow_points_accepted_total") == 1
        assert edge.metrics.registry.get_sample_value("iotflow_points_rejected_total", {"reason": "type"}) == 1


async def test_an_unknown_device_with_a_negative_user_is_rejected() -> None:
    async with running() as edge:
        sent = TelemetryRecord(device_id=20, user_id=-1, values={"a": Value(integer=1)})
        response = await edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest(records=[sent]))
        assert [r.reason for r in response.rejections] == [pb.REJECTION_REASON_UNKNOWN_DEVICE]
        assert (edge.ingest.begun, list(response.stored_in)) == ([], [])


async def test_a_write_beyond_the_room_is_told_when_to_come_again() -> None:
    async with running(inflight=1) as edge:
        edge.ingest.gate.clear()
        request = pb.WriteTelemetryRequest(records=[record(a=1)])
        first = asyncio.ensure_future(edge.telemetry.WriteTelemetry(request))
        await edge.ingest.begun_count(1)
        failure = await failure_of(edge.telemetry.WriteTelemetry(request))
        assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert failure.retry_seconds == 0.25
        edge.ingest.gate.set()
        assert (await first).accepted_points == 1


async def test_a_cancelled_write_is_finished_and_gives_its_room_back() -> None:
    async with running() as edge:
        edge.ingest.gate.clear()
        call = edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest(records=[record(a=1)]))
        await edge.ingest.begun_count(1)
        call.cancel()
        edge.ingest.gate.set()
        await edge.server.stop(5)
        assert (len(edge.ingest.written), edge.ingest.budget.used) == (1, 0)


Call = Callable[[Edge], Awaitable[Any]]


def query(**fields: Any) -> Call:
    fields.setdefault("filter", ONE)
    return lambda edge: edge.telemetry.QueryTelemetry(pb.QueryTelemetryRequest(**fields))


def filtered(**fields: Any) -> Call:
    return query(filter=pb.TelemetryFilter(**fields))


def stream(**fields: Any) -> Call:
    request = pb.QueryTelemetryStreamRequest(filter=ONE, **fields)
    return lambda edge: edge.telemetry.QueryTelemetryStream(request).read()


def aggregate(*aggregations: Any, **fields: Any) -> Call:
    request = pb.AggregateTelemetryRequest(filter=ONE, aggregations=aggregations, **fields)
    return lambda edge: edge.telemetry.AggregateTelemetry(request)


def delete(**fields: Any) -> Call:
    return lambda edge: edge.telemetry.DeleteTelemetry(pb.DeleteTelemetryRequest(**fields))


def advance(**fields: Any) -> Call:
    return lambda edge: edge.moves.AdvancePhase(moves.AdvancePhaseRequest(**fields))


async def test_a_query_of_no_device_and_one_of_too_much_are_told_apart() -> None:
    async with running() as edge:
        assert "neither is given" in (await failure_of(filtered()(edge))).message
        assert "both are given" in (await failure_of(filtered(device_ids=[1], user_id=1)(edge))).message


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda edge: edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest()), "records"),
        (lambda edge: edge.telemetry.WriteTelemetry(pb.WriteTelemetryRequest(records=[record(a=1)] * 4)), "records"),
        (filtered(), "filter.device_ids"),
        (filtered(device_ids=[1], user_id=1), "filter.device_ids"),
        (filtered(device_ids=[1, 2, 3, 4]), "filter.device_ids"),
        (filtered(device_ids=[1, 0]), "filter.device_ids[1]"),
        (filtered(user_id=-1), "filter.user_id"),
        (filtered(device_ids=[1], measurements=["a", ""]), "filter.measurements[1]"),
        (filtered(device_ids=[1], measurements=["a\0"]), "filter.measurements[0]"),
        (filtered(device_ids=[1], start_time=LATE, end_time=EARLY), "filter.start_time"),
        (filtered(device_ids=[1], end_time=Timestamp(nanos=-1)), "filter.end_time"),
        (filtered(device_ids=[1], quality_flags=range(101)), "filter.quality_flags"),
        (query(max_timestamps=-1), "max_timestamps"),
        (stream(max_timestamps=-1), "max_timestamps"),
        (stream(order=9), "order"),
        (stream(downsampling=pb.Downsampling(max_points=4)), "downsampling.method"),
        (stream(downsampling=pb.Downsampling(method=pb.DOWNSAMPLING_METHOD_LTTB)), "downsampling.max_points"),
        (
            stream(downsampling=pb.Downsampling(method=pb.DOWNSAMPLING_METHOD_LTTB, max_points=100_001)),
            "downsampling.max_points",
        ),
        (
            stream(downsampling=pb.Downsampling(method=pb.DOWNSAMPLING_METHOD_LTTB, max_points=4), max_timestamps=1),
            "max_timestamps",
        ),
        (query(page_size=-1), "page_size"),
        (query(page_size=11), "page_size"),
        (query(order=9), "order"),
        (aggregate(), "aggregations"),
        (lambda edge: edge.telemetry.GetLatestTelemetry(pb.GetLatestTelemetryRequest()), "device_ids"),
        (lambda edge: edge.telemetry.ListSeries(pb.ListSeriesRequest(device_ids=[-1])), "device_ids[0]"),
        (delete(start_time=EARLY, end_time=LATE), "device_id"),
        (delete(device_id=1, end_time=LATE), "start_time"),
        (delete(device_id=1, start_time=EARLY), "end_time"),
        (advance(expected_phase=9), "expected_phase"),
        (advance(changed_by="x" * 201), "changed_by"),
        (advance(reason="x" * 1001), "reason"),
        (advance(force=True, reason=" "), "reason"),
        (lambda edge: edge.access.RegisterDevice(access.RegisterDeviceRequest()), "device_id"),
        (lambda edge: edge.access.RegisterDevice(access.RegisterDeviceRequest(device_id=1, user_id=-1)), "user_id"),
        (lambda edge: edge.access.ListDevices(access.ListDevicesRequest(page_token="ü")), "page_token"),
        (lambda edge: edge.access.ListDevices(access.ListDevicesRequest(page_token="AAAAAQAAAAE=")), "page_token"),
    ],
)
async def test_a_wrong_field_is_named(call: Call, field: str) -> None:
    async with running(max_page_size=10, max_devices_per_query=3, max_records=3) as edge:
        failure = await failure_of(call(edge))
        assert (failure.code, failure.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


async def test_a_filter_becomes_a_selection() -> None:
    async with running() as edge:
        await filtered(device_ids=[3, 1, 3], measurements=["b", "a", "b"], start_time=EARLY, end_time=LATE)(edge)
        assert edge.queries.selection == Selection((3, 1), ("b", "a"), TimeRange(1_000_000, 2_000_000))
        await filtered(user_id=5)(edge)
        assert edge.queries.selection == Selection((1, 2), None, TimeRange(MIN_TIMESTAMP, MAX_TIMESTAMP))


async def test_a_user_without_devices_and_an_empty_range_are_empty_answers() -> None:
    async with running() as edge:
        for fields in ({"user_id": 6}, {"device_ids": [1], "start_time": EARLY, "end_time": EARLY}):
            response = await filtered(**fields)(edge)
            assert (list(response.points), response.served_by) == ([], Store.STORE_POSTGRES)
        assert list((await delete(device_id=1, start_time=EARLY, end_time=EARLY)(edge)).deleted_from) == []


async def test_a_deletion_names_the_stores() -> None:
    async with running() as edge:
        response = await delete(device_id=1, start_time=EARLY, end_time=LATE)(edge)
        assert list(response.deleted_from) == [Store.STORE_IOTDB, Store.STORE_POSTGRES]


GUARD = Guard("secondary_in_sync", False, "3 dirty ranges", "wait for repair")


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (StoreUnavailableError(StoreName.IOTDB, "secret"), grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE"),
        (StoreRefusedError(StoreName.IOTDB, "disk full"), grpc.StatusCode.FAILED_PRECONDITION, "STORE_REFUSED"),
        (DrainingError(), grpc.StatusCode.UNAVAILABLE, "DRAINING"),
        (InvalidTokenError(), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN"),
        (AggregateOverflowError(1, "a", "SUM"), grpc.StatusCode.OUT_OF_RANGE, "AGGREGATE_OVERFLOW"),
        (PhaseMismatchError("x"), grpc.StatusCode.ABORTED, "PHASE_MISMATCH"),
        (NoNeighbourError("x"), grpc.StatusCode.FAILED_PRECONDITION, "NO_NEIGHBOUR"),
        (GuardsUnsatisfiedError((GUARD,)), grpc.StatusCode.FAILED_PRECONDITION, "GUARDS_UNSATISFIED"),
        (OwnerConflictError("x"), grpc.StatusCode.FAILED_PRECONDITION, "OWNER_CONFLICT"),
        (RuntimeError("secret"), grpc.StatusCode.INTERNAL, "INTERNAL"),
    ],
)
async def test_what_the_parts_raise_becomes_a_status(error: Exception, code: grpc.StatusCode, reason: str) -> None:
    async with running() as edge:
        edge.queries.failure = error
        stream = edge.telemetry.QueryTelemetryStream(pb.QueryTelemetryStreamRequest(filter=ONE))
        for call in (query()(edge), stream.read()):
            failure = await failure_of(call)
            assert (failure.code, failure.reason) == (code, reason)
            assert "secret" not in failure.message


async def test_an_unexpected_error_has_an_id_that_is_logged() -> None:
    async with running() as edge:
        edge.queries.failure = RuntimeError("boom")
        with structlog.testing.capture_logs() as lines:
            failure = await failure_of(query()(edge))
        error_id = failure.details[ErrorInfo].metadata["error_id"]
        assert error_id in failure.message
        assert error_id in [line.get("error_id") for line in lines]


async def test_guards_that_do_not_hold_are_all_named() -> None:
    async with running() as edge:
        edge.migration.failure = GuardsUnsatisfiedError((GUARD, GUARD))
        failure = await failure_of(advance()(edge))
        (first, _) = failure.details[PreconditionFailure].violations
        assert (first.subject, first.description) == ("secondary_in_sync", "3 dirty ranges; wait for repair")


async def test_the_migration_is_shown() -> None:
    async with running() as edge:
        response = await edge.moves.GetMigration(moves.GetMigrationRequest())
        assert (response.migration.phase, response.migration.epoch) == (moves.PHASE_DUAL_WRITE, 2)


async def test_devices_are_listed_page_by_page() -> None:
    async with running() as edge:
        found: list[int] = []
        token = ""
        while True:
            request = access.ListDevicesRequest(page_size=4, page_token=token)
            response = await edge.access.ListDevices(request)
            found += [device.device_id for device in response.devices]
            assert response.devices[0].registered_at.ToDatetime().year == 2024
            if not (token := response.next_page_token):
                break
        assert found == list(range(1, 10))


def test_a_page_has_a_thousand_points_unless_the_limit_is_less() -> None:
    assert (page_size_of(0, 10_000), page_size_of(0, 10), page_size_of(7, 10)) == (1_000, 10, 7)


def test_a_deletion_of_all_measurements_takes_metadata_too() -> None:
    whole = pb.DeleteTelemetryRequest(device_id=1, start_time=EARLY, end_time=LATE)
    some = pb.DeleteTelemetryRequest(device_id=1, start_time=EARLY, end_time=LATE, measurements=["a"])
    assert (deletion(whole).scope, deletion(some).scope) == (Scope.BOTH, Scope.DATA)


async def test_a_long_status_still_fits_the_headers_that_clients_take() -> None:
    async with running() as edge:
        edge.migration.failure = GuardsUnsatisfiedError((Guard("n" * 50, False, "ü" * 5_000, "x" * 5_000),) * 50)
        failure = await failure_of(advance()(edge))
        assert failure.reason == "GUARDS_UNSATISFIED"
        assert len(failure.details[PreconditionFailure].violations) > 1


async def test_a_query_stream_that_is_cancelled_is_no_error_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with running() as edge:
        text = Column("a", Kind.TEXT, np.array(["x" * 500_000] * 40, dtype=object))
        edge.queries.batches = [Batch(1, np.arange(40), (text,))]
        with structlog.testing.capture_logs() as lines:
            call = edge.telemetry.QueryTelemetryStream(pb.QueryTelemetryStreamRequest(filter=ONE))
            assert len((await anext(aiter(call))).batches) == 1
            call.cancel()
            await edge.server.stop(5)
        assert [line["code"] for line in lines if line["action"] == "call_ended"] == ["CANCELLED"]
        assert "unexpected_error" not in [line["action"] for line in lines]


async def test_a_query_stream_carries_all_rows_with_their_owner() -> None:
    async with running() as edge:
        edge.queries.batches = [Batch(device, np.array([1, 2]), (NUMBERS,)) for device in (1, 3)]
        call = edge.telemetry.QueryTelemetryStream(pb.QueryTelemetryStreamRequest(filter=ONE))
        found = [(b.device_id, b.user_id, list(b.columns[0].numeric)) async for r in call for b in r.batches]
        assert found == [(1, 5, [0.5, 1.5]), (3, 0, [0.5, 1.5])]


NUMBERS = Column("a", Kind.NUMERIC, np.array([0.5, 1.5]))
