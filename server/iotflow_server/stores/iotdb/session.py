"""One session with IoTDB, over the Thrift stubs of the apache-iotdb package.

The package's own Session retries behind the caller's back, has no deadline for an answer, and decodes answers
inexactly; the stubs are the same in all its versions.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from iotdb.thrift.rpc.IClientRPCService import (
    Client,
    TSCloseOperationReq,
    TSCreateAlignedTimeseriesReq,
    TSCreateMultiTimeseriesReq,
    TSDeleteDataReq,
    TSExecuteStatementReq,
    TSFetchResultsReq,
    TSInsertRecordsReq,
    TSInsertTabletsReq,
    TSOpenSessionReq,
)
from iotdb.thrift.rpc.ttypes import TSProtocolVersion
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.transport.TTransport import TFramedTransport

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.iotdb.blocks import Block, decode_block
from iotflow_server.stores.iotdb.cancellation import Cancellation
from iotflow_server.stores.iotdb.names import quote
from iotflow_server.stores.iotdb.records import Record
from iotflow_server.stores.iotdb.status import check
from iotflow_server.stores.iotdb.tablets import Tablet
from iotflow_server.stores.iotdb.transport import DeadlineTransport
from iotflow_server.stores.iotdb.types import NativeType

_ROWS_PER_FETCH: Final = 100_000
_LZ4: Final = 7
_PLAIN, _GORILLA = 0, 8
#: Encodings that give back every value as it was, also after a flush. Others round, or lose NaN.
_ENCODINGS: Final = {NativeType.DOUBLE: _GORILLA, NativeType.INT64: _GORILLA}


@dataclass(frozen=True, slots=True)
class NewSeries:
    """A series to be made."""

    measurement: str
    type: NativeType
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Rows in blocks, and the names of their columns as IoTDB prints them."""

    names: Sequence[str]
    #: For each name, the index of the column in the blocks.
    indices: Sequence[int]
    blocks: Sequence[Block]

    def texts(self, name: str) -> Iterator[str]:
        """Yield the values of a column of text that is never null or is empty where it is."""
        index = self.indices[self.names.index(name)]
        for block in self.blocks:
            column = block.columns[index]
            values = [""] * len(block.times)
            for row, value in zip(column.rows.tolist(), column.values, strict=True):
                values[row] = value.decode("utf-8", "surrogateescape")
            yield from values


class Session:
    """A session. Not safe for concurrent use; after any error it must be closed and forgotten."""

    def __init__(self, settings: IotdbSettings, deadline: float) -> None:
        """Connect and log in. ``deadline`` is a time of ``time.monotonic``."""
        #: Of the read that it works for, if that may be cancelled.
        self.cancellation: Cancellation | None = None
        self._transport = DeadlineTransport(str(settings.host), settings.port, deadline)
        self._client = Client(TBinaryProtocolAccelerated(TFramedTransport(self._transport)))
        try:
            self._log_in(settings)
        except BaseException:
            self.close()
            raise

    def _log_in(self, settings: IotdbSettings) -> None:
        request = TSOpenSessionReq(
            client_protocol=TSProtocolVersion.IOTDB_SERVICE_PROTOCOL_V3,
            username=settings.username,
            password=settings.password.get_secret_value(),
            zoneId="UTC",
            configuration={"version": "V_1_0", "sql_dialect": "tree"},
        )
        answer = self._client.openSession(request)
        check(answer.status)
        self._id = answer.sessionId
        self._statement_id = self._client.requestStatementId(self._id)
        #: Unit of the server's time: ms, us or ns.
        self.precision: str = (answer.configuration or {}).get("timestamp_precision", "ms")

    def set_deadline(self, deadline: float) -> None:
        """Let all that follows end by then."""
        self._transport.deadline = deadline

    def close(self) -> None:
        """Close the connection; the server ends the session with it."""
        self._transport.close()

    def query(self, sql: str) -> Answer:
        """Return all rows of a query."""
        return self.query_within(sql, sys.maxsize, _ROWS_PER_FETCH)[0]

    def query_within(self, sql: str, max_bytes: int, rows_per_fetch: int) -> tuple[Answer, bool]:
        """Return the first rows of a query, about as many as ``max_bytes`` hold, and whether those are all.

        :raises ReadCancelledError: the read that it belongs to was cancelled.
        """
        if self.cancellation is not None:
            self.cancellation.check()
            sql += self.cancellation.mark
        left = max(1, int((self._transport.deadline - time.monotonic()) * 1000))
        request = TSExecuteStatementReq(self._id, sql, self._statement_id, rows_per_fetch, left, False, False)
        answer = self._client.executeQueryStatementV2(request)
        check(answer.status)
        blocks = [decode_block(data) for data in answer.queryResult or ()]
        size, more = sum(block.nbytes for block in blocks), bool(answer.moreData)
        while more and size < max_bytes:
            if self.cancellation is not None:
                self.cancellation.check()
            fetched, more = self._fetch(sql, answer.queryId, left, rows_per_fetch)
            blocks += fetched
            size += sum(block.nbytes for block in fetched)
        self._client.closeOperation(TSCloseOperationReq(self._id, answer.queryId, self._statement_id))
        return Answer(answer.columns or (), _indices(answer), blocks), not more

    def _fetch(self, sql: str, query_id: int, timeout: int, rows: int) -> tuple[list[Block], bool]:
        request = TSFetchResultsReq(self._id, sql, rows, query_id, True, timeout)
        request.statementId = self._statement_id
        answer = self._client.fetchResultsV2(request)
        check(answer.status)
        return [decode_block(data) for data in answer.queryResult or ()], answer.moreData and answer.hasResultSet

    def execute(self, sql: str) -> None:
        """Run a statement that has no rows."""
        request = TSExecuteStatementReq(self._id, sql, self._statement_id)
        check(self._client.executeUpdateStatementV2(request).status)

    def insert(self, tablets: Sequence[Tablet]) -> None:
        """Store tablets of different devices."""
        request = TSInsertTabletsReq(
            self._id,
            [tablet.device for tablet in tablets],
            [tablet.measurements for tablet in tablets],
            [tablet.values for tablet in tablets],
            [tablet.times for tablet in tablets],
            [tablet.types for tablet in tablets],
            [tablet.size for tablet in tablets],
            False,
        )
        check(self._client.insertTablets(request))

    def insert_records(self, records: Sequence[Record]) -> None:
        """Store records of any devices, with one entry in the server's log for all of a region."""
        request = TSInsertRecordsReq(
            self._id,
            [record.device for record in records],
            [record.measurements for record in records],
            [record.values for record in records],
            [record.tick for record in records],
            False,
        )
        check(self._client.insertRecords(request))

    def delete(self, paths: Sequence[str], first: int, last: int) -> None:
        """Delete the points of series from the tick ``first`` to the tick ``last``, both included."""
        check(self._client.deleteData(TSDeleteDataReq(self._id, list(paths), first, last)))

    def create(self, device: str, series: Sequence[NewSeries], *, aligned: bool) -> None:
        """Make series of one device, whose quoted path ``device`` is."""
        measurements = [quote(one.measurement) for one in series]
        types = [int(one.type) for one in series]
        encodings = [_ENCODINGS.get(one.type, _PLAIN) for one in series]
        compressors = [_LZ4] * len(series)
        attributes = [dict(one.attributes) for one in series]
        if aligned:
            request = TSCreateAlignedTimeseriesReq(
                self._id, device, measurements, types, encodings, compressors, attributesList=attributes
            )
            check(self._client.createAlignedTimeseries(request))
        else:
            paths = [f"{device}.{measurement}" for measurement in measurements]
            request = TSCreateMultiTimeseriesReq(
                self._id, paths, types, encodings, compressors, attributesList=attributes
            )
            check(self._client.createMultiTimeseries(request))


def _indices(answer: Any) -> list[int]:
    explicit = getattr(answer, "columnIndex2TsBlockColumnIndexList", None)
    if explicit is not None:
        return list(explicit)
    by_name = answer.columnNameIndexMap
    if by_name is not None:
        return [by_name[name] for name in answer.columns]
    return list(range(len(answer.columns or ())))
