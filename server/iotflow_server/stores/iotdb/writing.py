"""Writes: the series a batch needs are there with exact encodings, then its rows go as a tablet or as records."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.iotdb.clock import Clock
from iotflow_server.stores.iotdb.names import DevicePlace, Layout
from iotflow_server.stores.iotdb.records import Record, encode_records
from iotflow_server.stores.iotdb.schema import DeviceSchema, SchemaCache, Series, is_aligned, load_schema
from iotflow_server.stores.iotdb.session import NewSeries, Session
from iotflow_server.stores.iotdb.status import StatusError, refused
from iotflow_server.stores.iotdb.tablets import NativeColumn, Tablet, encode_tablet
from iotflow_server.stores.iotdb.types import NativeType, kind_attributes, native_type
from iotflow_server.stores.iotdb.values import to_native
from iotflow_server.stores.store import OwnerLookup, Width

_REQUEST_BYTES: Final = 8 << 20
#: A batch of so many rows goes as records. Where IoTDB answers once its log is on disk (wal_mode SYNC), it waits for
#: that with each tablet of a request, but once with all its records; a row of a tablet costs less CPU.
_RECORD_ROWS: Final = 16
#: Integers that IoTDB would round in silence if the series had become a DOUBLE (or a FLOAT) in the meantime.
_EXACT: Final = {NativeType.INT64: 2**53, NativeType.INT32: 2**24}

_Part = TypeVar("_Part", Tablet, Record)


class Writer:
    """Writes batches on a session. Safe for threads."""

    def __init__(self, layout: Layout, schemas: SchemaCache, owner_of: OwnerLookup) -> None:
        self._layout = layout
        self._schemas = schemas
        self._owner_of = owner_of
        self._database_lock = threading.Lock()
        self._has_database = False

    def write(self, session: Session, batches: Sequence[Batch]) -> None:
        """Store batches, in turn.

        A refusal may come from a schema that is no longer true; so what was remembered is asked for again, once.

        :raises StatusError: IoTDB refuses them; a part may have been stored.
        :raises StoreRefusedError: they do not fit the types of their series.
        """
        devices = sorted({batch.device_id for batch in batches})
        remembered = any(self._schemas.get(device) is not None for device in devices)
        try:
            self._write(session, batches)
        except Exception as error:
            self._schemas.forget(devices)
            if not remembered or not _is_refusal(error):
                raise
            self._write(session, batches)

    def _write(self, session: Session, batches: Sequence[Batch]) -> None:
        clock = Clock.of(session.precision)
        for turn in _turns(batches):
            records: list[Record] = []
            for request in _requests(self._tablets(session, clock, turn, records)):
                session.insert(request)
            for few in _requests(records):
                session.insert_records(few)

    def _tablets(
        self, session: Session, clock: Clock, batches: Iterable[Batch], records: list[Record]
    ) -> Iterator[Tablet]:
        """Yield the batches of many rows; those of few are added to the records."""
        for batch in batches:
            place = DevicePlace(self._owner_of(batch.device_id), batch.device_id)
            columns = self._native_columns(session, place, batch.columns)
            ticks, columns = _without_empty_rows(clock.ticks(batch.timestamps), columns)
            device = self._layout.path(place)
            if len(ticks) <= _RECORD_ROWS:
                records += encode_records(device, ticks, columns) if columns else ()
            else:
                yield encode_tablet(device, ticks, columns)

    def _native_columns(
        self, session: Session, place: DevicePlace, columns: Sequence[Column]
    ) -> Sequence[NativeColumn]:
        known = self._schemas.get(place.device_id)
        if known is not None and (series := known.get(place)) and _is_safe(series, columns):
            return _joined([to_native(column, series[column.name]) for column in columns])
        series = self._registered(session, place, columns)
        return _joined([to_native(column, series[column.name]) for column in columns])

    def _registered(self, session: Session, place: DevicePlace, columns: Sequence[Column]) -> dict[str, Series]:
        """The series of a place as IoTDB tells them now, those of the columns made first where they are missing."""
        schema = load_schema(session, self._layout, place.device_id)
        missing = [column for column in columns if column.name not in schema.get(place, {})]
        if missing:
            self._create(session, place, missing, schema)
            schema = load_schema(session, self._layout, place.device_id)
        self._schemas.put(place.device_id, schema)
        series = dict(schema.get(place, {}))
        for column in missing:
            if column.name not in series:
                raise refused(f"the series {column.name!r} of device {place.device_id} could not be made")
        return series

    def _create(self, session: Session, place: DevicePlace, columns: Sequence[Column], schema: DeviceSchema) -> None:
        self._create_database(session)
        device = self._layout.path(place)
        new = [_new_series(name, kinds, schema) for name, kinds in _kinds(columns).items()]
        try:
            session.create(device, new, aligned=is_aligned(session, device))
        except StatusError as error:
            # Another writer was faster; the types are looked at anew by the caller.
            if not error.only_says_that_it_exists:
                raise

    def _create_database(self, session: Session) -> None:
        with self._database_lock:
            if not self._has_database:
                # It may be there, lie within another one, or not be ours to make: then IoTDB tells at the next step.
                with suppress(StatusError):
                    session.execute(f"CREATE DATABASE {self._layout.database}")
                self._has_database = True


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, (StatusError, StoreRefusedError))


def _is_safe(series: Mapping[str, Series], columns: Iterable[Column]) -> bool:
    """Whether columns may be written by what is remembered of their series."""
    return all(column.name in series and not _may_be_rounded(column, series[column.name]) for column in columns)


def _may_be_rounded(column: Column, series: Series) -> bool:
    limit = _EXACT.get(series.native)
    if limit is None or column.kind is not Kind.INTEGER or not len(column):
        return False
    return bool((column.values > limit).any() or (column.values < -limit).any())


def _kinds(columns: Iterable[Column]) -> dict[str, set[Kind]]:
    kinds: dict[str, set[Kind]] = {}
    for column in columns:
        kinds.setdefault(column.name, set()).add(column.kind)
    return kinds


def _new_series(name: str, kinds: set[Kind], schema: DeviceSchema) -> NewSeries:
    """A series like its namesake at another place of the device, if there is one of text told by content."""
    siblings = [series[name] for series in schema.values() if name in series]
    by_content = any(sibling.type.width is Width.BY_CONTENT for sibling in siblings)
    if by_content and kinds <= {Kind.TEXT, Kind.JSON}:
        return NewSeries(name, NativeType.TEXT, {})
    if len(kinds) > 1:
        raise refused(f"a series has one type: {name!r} came with {', '.join(sorted(kind.name for kind in kinds))}")
    (kind,) = kinds
    return NewSeries(name, native_type(kind), kind_attributes(kind))


def _turns(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Split batches so that no device is twice in one request, whose tablets may be stored in any order."""
    turns: list[list[Batch]] = []
    seen: dict[int, int] = {}
    for batch in batches:
        turn = seen.get(batch.device_id, 0)
        seen[batch.device_id] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(batch)
    yield from turns


def _requests(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    request: list[_Part] = []
    size = 0
    for part in parts:
        if request and size + len(part.values) > _REQUEST_BYTES:
            yield request
            request, size = [], 0
        request.append(part)
        size += len(part.values)
    if request:
        yield request


def _joined(columns: Sequence[NativeColumn]) -> Sequence[NativeColumn]:
    """Join the columns of one series: text and JSON, where their kind is told by content."""
    by_name: dict[str, list[NativeColumn]] = {}
    for column in columns:
        by_name.setdefault(column.measurement, []).append(column)
    return [same[0] if len(same) == 1 else _join(same) for same in by_name.values()]


def _join(columns: Sequence[NativeColumn]) -> NativeColumn:
    rows = np.concatenate([np.arange(len(c.values)) if c.rows is None else c.rows for c in columns])
    order = np.argsort(rows, kind="stable")
    values = np.concatenate([column.values for column in columns])
    return NativeColumn(columns[0].measurement, columns[0].type, values[order], rows[order])


def _without_empty_rows(
    ticks: NDArray[np.int64], columns: Sequence[NativeColumn]
) -> tuple[NDArray[np.int64], Sequence[NativeColumn]]:
    """Leave out rows without a value: an aligned device would show them."""
    columns = [column for column in columns if len(column.values)]
    if any(column.rows is None for column in columns):
        return ticks, columns
    used = np.zeros(len(ticks), np.bool_)
    for column in columns:
        used[column.rows] = True
    if used.all():
        return ticks, columns
    places = np.cumsum(used) - 1
    moved = [NativeColumn(c.measurement, c.type, c.values, places[c.rows]) for c in columns]
    return ticks[used], moved
