"""What a store raises. The edge turns these into gRPC statuses, once, in api/errors.py."""

from __future__ import annotations

from typing import Self

from iotflow_server.stores.name import StoreName


class StoreError(Exception):
    """Something went wrong in a store. The message holds no secrets and may be shown to an operator."""

    def __init__(self, store: StoreName, message: str) -> None:
        super().__init__(f"{store}: {message}")
        self.store = store
        self.message = message


class StoreUnavailableError(StoreError):
    """The store cannot be reached or did not answer in time. The same call may succeed later."""


class StoreRefusedError(StoreError):
    """The store answered and refuses this data or query. The same call will fail again."""


class WriterSupersededError(StoreRefusedError):
    """A later stream of the same writer has begun, which this one could undo: nothing of this write was stored."""

    @classmethod
    def by(cls, store: StoreName, writer_id: str, attempt: int) -> Self:
        """The stream of a writer that has begun."""
        return cls(
            store, f"a later stream (attempt {attempt}) of the writer {writer_id!r} has taken the place of this one"
        )
