"""Addresses to listen on, as host:port; an IPv6 address stands in brackets."""

from __future__ import annotations


class AddressError(Exception):
    """An address cannot be listened on; the message says which, and what to set."""

    @classmethod
    def of_service(cls, listen: str) -> AddressError:
        """The address of the gRPC service is taken, or nonsense."""
        return cls(f"cannot listen on {listen}: is it in use, or not of this machine? Set IOTFLOW_LISTEN")


def host_and_port(address: str) -> tuple[str, int]:
    """Take an address apart.

    :raises ValueError: it is not of that form.
    """
    host, _, port = address.rpartition(":")
    if not 0 <= int(port) <= 65535:
        raise ValueError(f"{port} is not a port")
    return host.strip("[]"), int(port)
