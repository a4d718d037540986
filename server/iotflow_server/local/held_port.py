"""A port of 127.0.0.1 for a server that is started later, and perhaps again."""

from __future__ import annotations

import socket
import weakref


class HeldPort:
    """A free port that the kernel gives to nobody as long as this object lives; a server that asks for it gets it.

    A port that is only looked up may go to any outgoing connection before the server is up. One that is bound does
    not, and sockets with SO_REUSEADDR, as servers have, may bind it too while this one does not listen (socket(7)).
    """

    def __init__(self) -> None:
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        self.number: int = holder.getsockname()[1]
        weakref.finalize(self, holder.close)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.number}"
