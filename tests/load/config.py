"""One call under load, as a JSON config file of ghz describes it: the keys that the runner by locust understands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from tests.load.durations import seconds_of


class ConfigError(ValueError):
    """A config cannot be run; the message names the file and the key, and says what would be right."""


def _duration(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError("write a duration as text: 20s, 1m30s or 250ms")
    return seconds_of(value)


Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
#: In seconds; 0 means none.
Duration = Annotated[float, BeforeValidator(_duration)]
#: The message as JSON, or several of them.
Data = dict[str, Any] | Annotated[list[dict[str, Any]], Field(min_length=1)]


class CallConfig(BaseModel):
    """What to call, how often, and with what. Names and defaults are those of ghz."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=lambda name: name.replace("_", "-")
    )

    call: str
    host: str
    name: str = ""
    tags: dict[str, str] = {}
    #: The file that describes the service; empty: the server's reflection does.
    proto: str = ""
    import_paths: list[str] = []
    insecure: bool = False
    total: Positive = 200
    concurrency: Positive = 50
    connections: Positive = 1
    rps: Count = 0
    duration: Duration = 0.0
    max_duration: Duration = 0.0
    duration_stop: Literal["close", "wait", "ignore"] = "close"
    timeout: Duration = 20.0
    data: Data | None = None
    data_file: str = ""
    metadata: dict[str, str] = {}
    load_schedule: Literal["const", "step", "line"] = "const"
    load_start: Count = 0
    load_end: Count = 0
    load_step: int = 0
    load_step_duration: Duration = 0.0
    load_max_duration: Duration = 0.0
    skip_first: Annotated[Count, Field(alias="skipFirst")] = 0
    count_errors: bool = False

    @property
    def full_method(self) -> tuple[str, str]:
        """The service's full name and the method's."""
        service, _, method = self.call.lstrip(".").replace("/", ".").rpartition(".")
        return service, method

    @property
    def calls(self) -> int | None:
        """How many calls to make; None where the duration alone ends the run."""
        return None if self.duration and not self.max_duration else self.total

    @property
    def seconds(self) -> float | None:
        """The longest that calls are begun, in seconds; None: until all are made."""
        return self.max_duration or self.duration or None

    @model_validator(mode="after")
    def _fits_together(self) -> CallConfig:
        for fault in (self._channel_fault(), self._data_fault(), self._schedule_fault()):
            if fault:
                raise ValueError(fault)
        return self

    def _channel_fault(self) -> str | None:
        if not all(self.full_method):
            return f"call is {self.call!r}: name it as package.Service.Method"
        if not self.insecure:
            return "insecure must be true: the runner speaks plaintext only"
        if self.connections > self.concurrency:
            return "connections must not be more than concurrency"
        return None

    def _data_fault(self) -> str | None:
        if (self.data is None) == (not self.data_file):
            return "exactly one of data and data-file must be set"
        calls = self.calls
        if calls is not None and self.skip_first >= calls:
            return "skipFirst must be less than total"
        return None

    def _schedule_fault(self) -> str | None:
        if self.load_schedule == "const":
            return None
        if not self.load_start or self.load_start == self.load_end:
            return "load-start must be set, and differ from load-end"
        if not self.load_step:
            return "load-step must be set"
        if self.load_schedule == "step" and not self.load_step_duration:
            return "load-step-duration must be set for the schedule step"
        if not self.load_max_duration and (self.load_end - self.load_start) * self.load_step <= 0:
            return "load-step must lead from load-start to load-end, or load-max-duration be set"
        return None


def parse(document: Mapping[str, Any], where: str) -> CallConfig:
    """Check a config. ``where`` names it in errors.

    :raises ConfigError: it cannot be run.
    """
    try:
        return CallConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{where}: {'; '.join(map(_fault, error.errors()))}") from None


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    :raises ConfigError: there is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: the file must hold a JSON object")
    return document


def _fault(error: ErrorDetails) -> str:
    key, message = ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        known = ", ".join(str(field.alias) for field in CallConfig.model_fields.values())
        return f"the runner does not support the key {key}; it supports {known}"
    return f"{key}: {message}" if key else message
