"""Texts in one run of bytes, so that many of them are moved at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts in UTF-8: the bytes of all, and where each begins and how many it has."""

    data: NDArray[np.uint8]
    starts: Rows
    lengths: Rows

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """Encode texts."""
        joined = "".join(texts)
        if joined.isascii():
            data, lengths = joined.encode(), np.fromiter(map(len, texts), np.intp, len(texts))
        else:
            encoded = [text.encode() for text in texts]
            data, lengths = b"".join(encoded), np.fromiter(map(len, encoded), np.intp, len(texts))
        return cls(np.frombuffer(data, np.uint8), np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.starts)

    def by_length(self) -> Iterator[Rows]:
        """Yield the positions of the texts of each length."""
        order = np.argsort(self.lengths, kind="stable")
        lengths = self.lengths[order]
        changes = np.flatnonzero(lengths[1:] != lengths[:-1]) + 1
        yield from np.split(order, changes)

    def matrix(self, positions: Rows) -> NDArray[np.uint8]:
        """The bytes of texts of equal length, one text a row."""
        return self.data[self.starts[positions, None] + np.arange(self.lengths[positions[0]])]
