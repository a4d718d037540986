"""One address for several processes of one deployment, and for nobody else."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from iotflow_server.address import AddressError, host_and_port


@contextmanager
def reserved(listen: str) -> Iterator[str]:
    """Hold an address for workers that bind it with SO_REUSEPORT; yield it with the port that was found for port 0.

    Another server that wants it is refused, one that shares its own with workers too: whoever asks for the address
    alone, as here, is refused by a socket that is bound already. Nobody can connect before a worker listens.

    :raises AddressError: somebody else has it, or it is not of this machine.
    """
    with ExitStack() as stack:
        try:
            host, port = host_and_port(listen)
            bound = 0
            for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                bound = _reserve(family, (place[0], bound or port, *place[2:]), stack) or bound
        except (OSError, ValueError) as error:
            raise AddressError.of_service(listen) from error
        if not bound:
            raise AddressError.of_service(listen)
        yield f"{listen.rpartition(':')[0]}:{bound}"


def _reserve(family: int, place: tuple[Any, ...], stack: ExitStack) -> int:
    """Bind, and return the port; 0 where this machine has no such address, as with ::1 of localhost."""
    holder = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    # Connections that a server before has closed are no obstacle.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return 0
        raise
    # Bound alone; from here on shared with those of the same user that mean to share.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return int(holder.getsockname()[1])
