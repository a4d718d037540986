"""Page tokens: opaque to clients, they carry the last point's key and a digest that binds it to its query."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import Final

from iotflow_server.query.errors import InvalidTokenError
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, PointKey, Selection

_VERSION: Final = 1
_DIGEST_BYTES: Final = 16
_HEAD: Final = struct.Struct(f">B{_DIGEST_BYTES}s")
_PLACE: Final = struct.Struct(">qi")


def query_digest(selection: Selection, *, descending: bool, user_id: int = 0) -> bytes:
    """Tell queries apart: what must stay the same from page to page. The page size may change.

    Where the query names a user, ``user_id`` stands for the devices, which may become more meanwhile.
    """
    devices = ("user", user_id) if user_id else ("devices", *sorted(set(selection.device_ids)))
    names = None if selection.measurements is None else sorted(set(selection.measurements))
    query = (devices, names, selection.time_range.start, selection.time_range.end, descending)
    return hashlib.blake2b(repr(query).encode("utf-8"), digest_size=_DIGEST_BYTES).digest()


def encode_token(digest: bytes, last: PointKey) -> str:
    """The token of the page after the one that ends with ``last``."""
    place = _PLACE.pack(last.timestamp, last.device_id) + last.measurement.encode("utf-8")
    return _to_text(_HEAD.pack(_VERSION, _bind(digest, place)) + place)


def decode_token(digest: bytes, token: str) -> PointKey:
    """The key that a token carries.

    :raises InvalidTokenError: it is garbled, or belongs to another query.
    """
    content = _from_text(token)
    if len(content) < _HEAD.size + _PLACE.size:
        raise InvalidTokenError
    version, bound = _HEAD.unpack_from(content)
    place = content[_HEAD.size :]
    if version != _VERSION or bound != _bind(digest, place):
        raise InvalidTokenError
    return _key(place)


def _key(place: bytes) -> PointKey:
    timestamp, device_id = _PLACE.unpack_from(place)
    try:
        measurement = place[_PLACE.size :].decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidTokenError from None
    if not MIN_TIMESTAMP <= timestamp < MAX_TIMESTAMP or "\0" in measurement:
        raise InvalidTokenError
    return PointKey(timestamp, device_id, measurement)


def _bind(digest: bytes, place: bytes) -> bytes:
    return hashlib.blake2b(digest + place, digest_size=_DIGEST_BYTES).digest()


def _to_text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _from_text(token: str) -> bytes:
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidTokenError from None
    if _to_text(content) != token:
        raise InvalidTokenError
    return content
