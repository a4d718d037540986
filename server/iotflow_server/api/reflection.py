"""Reflection that knows methods: tools ask for the file of the very method they call."""

from __future__ import annotations

from typing import Any, Final, cast

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor

_POOL: Final = descriptor_pool.Default()


class _MethodsToo:
    """The default pool, which on its own finds the files of services and messages but not of methods."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_POOL, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802  # the base class's name
        try:
            return _POOL.FindFileContainingSymbol(symbol)
        except KeyError:
            return _POOL.FindMethodByName(symbol).containing_service.file


def reflection_pool() -> descriptor_pool.DescriptorPool:
    """Everything that this process serves, for the reflection service."""
    return cast(descriptor_pool.DescriptorPool, _MethodsToo())
