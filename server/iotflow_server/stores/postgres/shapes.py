"""Rows of one shape in binary: what all of them share is copied whole, and only what differs is filled in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: A part of a row: bytes that are the same in all rows, or the name and format of a field that differs.
Part = bytes | tuple[str, str]

NULL: Final = b"\xff\xff\xff\xff"


def int4(number: int) -> bytes:
    """A 32-bit integer, as lengths are written."""
    return number.to_bytes(4, "big", signed=True)


def rows_of(parts: Iterable[Part], count: int) -> NDArray[Any]:
    """So many rows, with the fields that differ still to be filled."""
    template, dtype = _shape(tuple(parts))
    return np.ndarray(count, dtype, bytearray(template) * count)


@lru_cache(maxsize=1024)
def _shape(parts: tuple[Part, ...]) -> tuple[bytes, np.dtype[Any]]:
    template = b""
    names: list[str] = []
    formats: list[str] = []
    offsets: list[int] = []
    for part in parts:
        if isinstance(part, bytes):
            template += part
        else:
            names.append(part[0])
            formats.append(part[1])
            offsets.append(len(template))
            template += bytes(np.dtype(part[1]).itemsize)
    return template, np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": len(template)})
