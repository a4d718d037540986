"""Texts in one run of bytes, so that many of them are moved at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Rows

#: The largest number of 16 bits.
_LARGEST_SHORT: Final = 0xFFFF


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts in UTF-8: the bytes of all, and where each begins and how many it has."""

    data: NDArray[np.uint8]
    starts: Rows
    lengths: Rows

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """Encode texts."""
        data = np.frombuffer("\0".join(texts).encode(), np.uint8)
        ends = np.append(np.flatnonzero(data == 0), len(data))
        if len(ends) != len(texts):
            return cls._with_nul(texts)
        starts = np.append(0, ends[:-1] + 1)
        return cls(data, starts, ends - starts)

    @classmethod
    def _with_nul(cls, texts: Sequence[str]) -> Texts:
        encoded = [text.encode() for text in texts]
        lengths = np.array([len(text) for text in encoded], np.intp)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.starts)

    def by_length(self) -> Iterator[Rows]:
        """Yield the positions of the texts of each length."""
        # numpy sorts numbers of 16 bits by their digits, which takes a sixth of the time.
        is_short = self.lengths.max(initial=0) <= _LARGEST_SHORT
        order = np.argsort(self.lengths.astype(np.uint16) if is_short else self.lengths, kind="stable")
        lengths = self.lengths[order]
        changes = np.flatnonzero(lengths[1:] != lengths[:-1]) + 1
        yield from np.split(order, changes)

    def alike(self, positions: Rows) -> NDArray[np.void]:
        """The bytes of texts of equal length, which is not 0."""
        length = int(self.lengths[positions[0]])
        # Whatever has this length, beginning at any byte.
        windows = np.ndarray(len(self.data) - length + 1, f"V{length}", self.data, strides=(1,))
        return windows[self.starts[positions]]
