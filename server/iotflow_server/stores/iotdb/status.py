"""What IoTDB's answers mean: the one place where its errors become the store's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from thrift.Thrift import TException

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.errors import StoreError, StoreRefusedError, StoreUnavailableError
from iotflow_server.stores.name import StoreName

_MULTIPLE: Final = 302
_NOT_LOGGED_IN: Final = 802
_NO_SUCH_QUERY: Final = 714
_ALREADY_EXISTS: Final = frozenset({501, 503, 506, 529})
_SUCCESS: Final = frozenset({200, 400})  # 400 recommends another node, and is a success
#: States of the server, not of the data: starting or stopping, read-only, short of memory or disk, a region
#: without leader, quotas, time-outs, and logins that fail.
_UNAVAILABLE: Final = frozenset(
    {203, 204, 305, 306, 600, 602, 606, 610, 611, 709, 712, 713, 714, 715, 717, 719, 720}
    | {800, 801, 802, 804, 902, 903, 904, 905, 906, 907, 1002, 1003, 1004, 1005, 1007, 1008, 1010}
    | {1700, 1701, 1703, 1704, 1707, 1708, 2207}
)


class StatusError(Exception):
    """IoTDB answered that it did not do (all of) what was asked."""

    def __init__(self, failures: list[tuple[int, str]]) -> None:
        super().__init__("; ".join(f"{message} ({code})" for code, message in failures))
        self.codes = frozenset(code for code, _ in failures)

    @property
    def only_says_that_it_exists(self) -> bool:
        """Whether all that failed was to create what is there already."""
        return self.codes <= _ALREADY_EXISTS

    @property
    def only_says_that_it_has_ended(self) -> bool:
        """Whether all that failed was to kill a query that was through."""
        return self.codes == {_NO_SUCH_QUERY}

    @property
    def login_expired(self) -> bool:
        """Whether the server no longer knows the session."""
        return self.codes == {_NOT_LOGGED_IN}


def check(status: Any) -> None:
    """Return if a status says that all was done.

    :raises StatusError: it says otherwise, also of a part only.
    """
    failures = list(_failures(status))
    if failures:
        raise StatusError(failures)


def _failures(status: Any) -> Iterator[tuple[int, str]]:
    if status.code == _MULTIPLE and status.subStatus:
        for part in status.subStatus:
            yield from _failures(part)
    elif status.code not in _SUCCESS:
        yield status.code, status.message or "no reason given"


def is_lost_connection(error: BaseException) -> bool:
    """Whether a new session may do what this one could not."""
    if isinstance(error, StatusError):
        return error.login_expired
    return isinstance(error, (OSError, EOFError, TException)) and not isinstance(error, TimeoutError)


def store_error(error: Exception, settings: IotdbSettings) -> Exception:
    """Return what the store raises for an error of a session; anything else is a fault of ours, and stays."""
    where = f"{settings.host}:{settings.port}"
    if isinstance(error, StoreError):
        return error
    if isinstance(error, StatusError):
        kind = StoreUnavailableError if error.codes & _UNAVAILABLE else StoreRefusedError
        return kind(StoreName.IOTDB, str(error))
    if isinstance(error, TimeoutError):
        return unavailable(f"{where} did not answer within {settings.timeout_seconds:g} s")
    if isinstance(error, (OSError, EOFError, TException)):
        return unavailable(f"cannot reach {where}: {error}")
    return error


def unavailable(message: str) -> StoreUnavailableError:
    """Return the error that says that IoTDB does not answer."""
    return StoreUnavailableError(StoreName.IOTDB, message)


def refused(message: str) -> StoreRefusedError:
    """Return the error that says that IoTDB cannot take this."""
    return StoreRefusedError(StoreName.IOTDB, message)
