"""Paths in IoTDB: building them, always quoted, and reading what IoTDB prints, quoted or not.

A device stands at ``{database}.users.user_{uid}.devices.device_{id}`` or, in the older layout, at
``{database}.devices.device_{id}``. Other nodes beside these belong to others and are never touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_MAX_ID: Final = 2**31 - 1
_NODE: Final = re.compile(r"`(?:[^`]|``)*`|[^.`]+")
_NUMBERED: Final = re.compile(r"(user|device)_(0|[1-9][0-9]{0,9})", re.ASCII)


class DevicePlace(NamedTuple):
    """Where a device stands: under a user, or in the older layout (user 0)."""

    user_id: int
    device_id: int


def quote(name: str) -> str:
    """Return a name as one node of a path, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def unquote(node: str) -> str:
    """Return the name of a node as IoTDB prints it."""
    return node[1:-1].replace("``", "`") if node.startswith("`") else node


def split_path(path: str) -> list[str]:
    """Return the names of a path's nodes.

    :raises ValueError: it is not a path.
    """
    nodes = _NODE.findall(path)
    if ".".join(nodes) != path:
        raise ValueError(f"{path!r} is not a path of IoTDB")
    return [unquote(node) for node in nodes]


def join_path(names: Iterable[str]) -> str:
    """Return the quoted path of names. ``root``, the first, stays bare: IoTDB wants it so."""
    first, *rest = names
    return ".".join([first, *map(quote, rest)])


class Layout:
    """The paths of a fleet's devices under one database path."""

    def __init__(self, database: str) -> None:
        """:raises ValueError: ``database`` is not a path that begins with root."""
        self._names = split_path(database)
        if self._names[:1] != ["root"] or len(self._names) < 2 or "*" in database:
            raise ValueError(f"{database!r} is not a path under root")
        self.database = join_path(self._names)

    @property
    def depth(self) -> int:
        """Nodes of the database's path."""
        return len(self._names)

    def path(self, place: DevicePlace) -> str:
        """Return the quoted path of a device."""
        user = ["users", f"user_{place.user_id}"] if place.user_id else []
        return join_path([*self._names, *user, "devices", f"device_{place.device_id}"])

    def patterns(self, device_id: int | None = None) -> tuple[str, str]:
        """Return patterns that match a device (None: each one) in both layouts: under users, then the older."""
        device = "*" if device_id is None else quote(f"device_{device_id}")
        return f"{self.database}.`users`.*.`devices`.{device}", f"{self.database}.`devices`.{device}"

    def place(self, names: Sequence[str]) -> DevicePlace | None:
        """Return the place that the nodes of a device's path name, None if it is not one of ours."""
        depth = len(self._names)
        if list(names[:depth]) != self._names:
            return None
        match list(names[depth:]):
            case ["devices", device]:
                return _place(0, _number("device", device))
            case ["users", user, "devices", device]:
                return _place(_number("user", user), _number("device", device))
        return None


def _place(user_id: int | None, device_id: int | None) -> DevicePlace | None:
    return None if user_id is None or device_id is None else DevicePlace(user_id, device_id)


def _number(word: str, name: str) -> int | None:
    match = _NUMBERED.fullmatch(name)
    if match is None or match[1] != word or not 0 < int(match[2]) <= _MAX_ID:
        return None
    return int(match[2])
