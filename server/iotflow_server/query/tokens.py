"""Page tokens: opaque to clients, they carry the place where a page ends and a digest that binds it to its query."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import Final, NamedTuple

from iotflow_server.query.errors import InvalidTokenError
from iotflow_server.query.quality import QualityFlags
from iotflow_server.query.timestamp_limit import TimestampLimit
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, PointKey, Selection

_VERSION: Final = 2
_DIGEST_BYTES: Final = 16
_HEAD: Final = struct.Struct(f">B{_DIGEST_BYTES}s")
_PLACE: Final = struct.Struct(">qiiq")
_NO_LIMIT: Final = -1
_NO_TIMESTAMP: Final = MAX_TIMESTAMP


class Place(NamedTuple):
    """Where a page ends: beyond a point, with what is left of a limit."""

    key: PointKey
    limit: TimestampLimit | None = None


def query_digest(
    selection: Selection,
    *,
    descending: bool,
    user_id: int = 0,
    quality: QualityFlags = None,
    max_timestamps: int | None = None,
) -> bytes:
    """Tell queries apart: what must stay the same from page to page. The page size may change.

    Where the query names a user, ``user_id`` stands for the devices, which may become more meanwhile.
    """
    devices = ("user", user_id) if user_id else ("devices", *sorted(set(selection.device_ids)))
    names = None if selection.measurements is None else sorted(set(selection.measurements))
    flags = None if quality is None else sorted(quality)
    bounds = (selection.time_range.start, selection.time_range.end)
    query = (devices, names, *bounds, descending, flags, max_timestamps)
    return hashlib.blake2b(repr(query).encode("utf-8"), digest_size=_DIGEST_BYTES).digest()


def encode_token(digest: bytes, place: Place) -> str:
    """The token of the page after the one that ends at a place."""
    left, current = _NO_LIMIT, _NO_TIMESTAMP
    if place.limit is not None:
        left = place.limit.left
        current = _NO_TIMESTAMP if place.limit.current is None else place.limit.current
    content = _PLACE.pack(place.key.timestamp, place.key.device_id, left, current)
    content += place.key.measurement.encode("utf-8")
    return _to_text(_HEAD.pack(_VERSION, _bind(digest, content)) + content)


def decode_token(digest: bytes, token: str) -> Place:
    """The place that a token carries.

    :raises InvalidTokenError: it is garbled, or belongs to another query.
    """
    content = _from_text(token)
    if len(content) < _HEAD.size + _PLACE.size:
        raise InvalidTokenError
    version, bound = _HEAD.unpack_from(content)
    place = content[_HEAD.size :]
    if version != _VERSION or bound != _bind(digest, place):
        raise InvalidTokenError
    return _place(place)


def _place(content: bytes) -> Place:
    timestamp, device_id, left, current = _PLACE.unpack_from(content)
    try:
        measurement = content[_PLACE.size :].decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidTokenError from None
    if not MIN_TIMESTAMP <= timestamp < MAX_TIMESTAMP or "\0" in measurement:
        raise InvalidTokenError
    limit = None if left == _NO_LIMIT else TimestampLimit(left, None if current == _NO_TIMESTAMP else current)
    return Place(PointKey(timestamp, device_id, measurement), limit)


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
