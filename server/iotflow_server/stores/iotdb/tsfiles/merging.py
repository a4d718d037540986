"""Goes through series of several files at once, in order of time; of points at one time the last file's is valid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from iotflow_server.stores.iotdb.blocks import Block, RawColumn
from iotflow_server.stores.iotdb.tsfiles.reading import Piece
from iotflow_server.stores.iotdb.types import NativeType


class Cursor:
    """Where the reading of one series in one file stands."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = (piece for piece in pieces if len(piece.ticks))
        self._piece = next(self._pieces, None)

    @property
    def last(self) -> int | None:
        """Up to which tick there is something at hand; None where all has been taken."""
        return None if self._piece is None else int(self._piece.ticks[-1])

    def take(self, horizon: int) -> Piece | None:
        """The points at hand up to a tick, which is none beyond ``last``."""
        piece = self._piece
        if piece is None or piece.ticks[0] > horizon:
            return None
        count = int(np.searchsorted(piece.ticks, horizon, "right"))
        is_all = count == len(piece.ticks)
        self._piece = next(self._pieces, None) if is_all else Piece(piece.ticks[count:], piece.values[count:])
        return Piece(piece.ticks[:count], piece.values[:count])


def blocks(series: Sequence[tuple[NativeType, Sequence[Cursor]]]) -> Iterator[Block]:
    """Yield rows of all series, a column for each; the cursors of a series are those of its files, oldest first."""
    cursors = [cursor for _, each in series for cursor in each]
    while ends := [cursor.last for cursor in cursors if cursor.last is not None]:
        horizon = min(ends)
        yield _block([(type_, _latest([cursor.take(horizon) for cursor in each])) for type_, each in series])


def _latest(pieces: Sequence[Piece | None]) -> Piece | None:
    there = [piece for piece in pieces if piece is not None]
    if len(there) < 2:
        return there[0] if there else None
    ticks = np.concatenate([piece.ticks for piece in there])
    order = np.argsort(ticks, kind="stable")
    ticks = ticks[order]
    is_last = np.append(ticks[1:] != ticks[:-1], True)
    return Piece(ticks[is_last], np.concatenate([piece.values for piece in there])[order][is_last])


def _block(columns: Sequence[tuple[NativeType, Piece | None]]) -> Block:
    times = np.unique(np.concatenate([piece.ticks for _, piece in columns if piece is not None]))
    raw = tuple(
        RawColumn(type_, np.empty(0, np.intp), np.empty(0, type_.dtype))
        if piece is None
        else RawColumn(type_, np.searchsorted(times, piece.ticks), piece.values)
        for type_, piece in columns
    )
    return Block(times, raw, times.nbytes + sum(column.values.nbytes for column in raw))
