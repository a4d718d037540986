"""Reads series of one TsFile in columns; the one place that knows the wheel ``tsfile``.

Its readers of rows cut bytes off at the first NUL, and its data set knows numbers alone, as doubles. What it has
beneath, a series found by its place in the file and read as Arrow, is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tsfile import TsFileReader
from tsfile.exceptions import LibraryError

from iotflow_server.stores.iotdb.tsfiles.folder import TsFile, TsFilesError
from iotflow_server.stores.iotdb.types import NativeType

_EVER: Final = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Stored:
    """A series in a file. ``device`` and ``name`` are as IoTDB writes them, quoted where it saw a need; ``locator``
    says where it lies. ``first`` and ``last`` in ticks."""

    file: TsFile
    device: str
    name: str
    type: str
    encoding: str
    points: int
    first: int
    last: int
    locator: tuple[int, ...]

    @property
    def path(self) -> str:
        """Its path."""
        return f"{self.device}.{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Points in order of time: ``ticks`` int64, ``values`` as IoTDB keeps them, texts as bytes."""

    ticks: NDArray[np.int64]
    values: NDArray[Any]


class OpenFile:
    """A file, open."""

    def __init__(self, file: TsFile) -> None:
        """:raises TsFilesError: it is none, or broken."""
        self._file = file
        try:
            self._reader = TsFileReader(str(file.path))
        except LibraryError as error:
            raise TsFilesError(f"{file.path}: {error}") from error

    def close(self) -> None:
        """Close it."""
        self._reader.close()

    def series(self) -> Iterator[Stored]:
        """All series that have points."""
        encodings = {
            (device.get_device_name(), one.get_timeseries_name()): one.get_encoding_type().name
            for device in self._reader.get_all_timeseries_schemas().values()
            for one in device.get_timeseries_list()
        }
        size = self._file.path.stat().st_size
        for group in self._reader.get_timeseries_metadata().values():
            device = ".".join(group.segments)
            for one in group.timeseries:
                told, name = one.statistic, one.measurement_name
                if told.row_count:
                    yield Stored(
                        self._file,
                        device,
                        name,
                        one.data_type.name,
                        encodings[device, name],
                        told.row_count,
                        told.start_time,
                        told.end_time,
                        _locator(one, size),
                    )

    def pieces(self, stored: Stored, first: int = _EVER[0], last: int = _EVER[1]) -> Iterator[Piece]:
        """The points of a series from one tick to another, both included, block by block.

        :raises TsFilesError: the wheel cannot read how it is encoded, or has not read all that the file tells of.
        """
        count = 0
        for piece in self._pieces(stored, first, last):
            count += len(piece.ticks)
            yield piece
        if first <= stored.first and stored.last <= last and count != stored.points:
            raise TsFilesError(f"{stored.path} in {stored.file.path}: {count} of {stored.points} points were read")

    def _pieces(self, stored: Stored, first: int, last: int) -> Iterator[Piece]:
        try:
            with closing(self._reader.query_prepared(self._prepared(stored), first, last)) as blocks:
                while (block := blocks.read_arrow_record_batch()) is not None:
                    yield _piece(block, NativeType[stored.type])
        except LibraryError as error:
            what = f"{stored.path}, {stored.type} as {stored.encoding} in {stored.file.path}"
            raise TsFilesError(f"{what}: {error}") from error

    def _prepared(self, stored: Stored) -> Any:
        return self._reader.prepare_series(stored.locator, trust_index=True)


def _locator(series: Any, size: int) -> tuple[int, ...]:
    """Of a file alone: index, file and series have the numbers of no index, and there is no fingerprint to compare."""
    flags = series.locator_flags if series.layout else 0
    values = (series.value_metadata_offset, series.value_metadata_length)
    times = (series.time_metadata_offset, series.time_metadata_length)
    return (0, 0, size, 0, 0, flags, series.layout, *values, *times)


def _piece(block: pa.RecordBatch, type_: NativeType) -> Piece:
    times, values = block.columns
    if values.null_count:
        there = values.is_valid()
        times, values = times.filter(there), values.filter(there)
    return Piece(times.cast(pa.int64()).to_numpy(zero_copy_only=False), _native(values, type_))


def _native(values: pa.Array, type_: NativeType) -> NDArray[Any]:
    if type_.is_text:
        found: NDArray[Any] = values.view(pa.binary()).to_numpy(zero_copy_only=False)
        return found
    if type_ is NativeType.DATE:
        return _dates(values.cast(pa.int32()).to_numpy(zero_copy_only=False))
    if type_ is NativeType.TIMESTAMP:
        values = values.view(pa.int64())
    return np.asarray(values.to_numpy(zero_copy_only=False), type_.dtype)


def _dates(days: NDArray[np.int32]) -> NDArray[np.int32]:
    """Days since 1970 as IoTDB's numbers: 20240229."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    years = dates.astype("datetime64[Y]")
    day, month = (dates - months).astype(np.int32) + 1, (months - years).astype(np.int32) + 1
    numbers: NDArray[np.int32] = (years.astype(np.int32) + 1970) * 10_000 + month * 100 + day
    return numbers
