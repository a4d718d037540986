"""The messages and metadata of each call, rendered from the config's templates."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from google.protobuf import json_format
from google.protobuf.message import Message

from tests.load.config import CallConfig, ConfigError
from tests.load.stubs import Method
from tests.load.templates import Context, Template


class Payloads:
    """What the calls of one config carry."""

    def __init__(self, config: CallConfig, method: Method) -> None:
        """Read the data and try it on a first call.

        :raises ConfigError: a template or the data does not fit the request.
        """
        self._method = method
        self._static: dict[int, Message] = {}
        with _faults_of("data-file" if config.data_file else "data"):
            self._documents = [Template(text) for text in _texts(config)]
            self.messages(context(method, "", 0))
        with _faults_of("metadata"):
            self._metadata = {key: Template(text) for key, text in config.metadata.items()}
            self.metadata(context(method, "", 0))

    def messages(self, call: Context) -> list[Message]:
        """The requests of one call: all of the data where the client streams, else the next in turn."""
        indices = range(len(self._documents))
        if not self._method.descriptor.client_streaming:
            indices = indices[(turn := int(call["RequestNumber"]) % len(indices)) : turn + 1]
        return [self._message(index, call) for index in indices]

    def metadata(self, call: Context) -> list[tuple[str, str]]:
        """The metadata of one call."""
        return [(key, template.render(call)) for key, template in self._metadata.items()]

    def _message(self, index: int, call: Context) -> Message:
        if index in self._static:
            return self._static[index]
        document = self._documents[index]
        message: Message = json_format.Parse(document.render(call), self._method.request())
        if document.is_static:
            self._static[index] = message
        return message


def context(method: Method, worker_id: str, number: int) -> Context:
    """What templates may ask of a call; ``number`` counts from 0."""
    now, found = time.time_ns(), method.descriptor
    return {
        "WorkerID": worker_id,
        "RequestNumber": number,
        "FullyQualifiedName": found.full_name,
        "MethodName": found.name,
        "ServiceName": found.containing_service.name,
        "InputName": found.input_type.name,
        "OutputName": found.output_type.name,
        "IsClientStreaming": found.client_streaming,
        "IsServerStreaming": found.server_streaming,
        "Timestamp": f"{datetime.fromtimestamp(now // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "TimestampUnix": now // 10**9,
        "TimestampUnixMilli": now // 10**6,
        "TimestampUnixNano": now,
        "UUID": str(uuid.uuid4()),
    }


@contextmanager
def _faults_of(key: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, json_format.ParseError, OSError) as error:
        raise ConfigError(f"{key}: {error}") from None


def _texts(config: CallConfig) -> list[str]:
    if not config.data_file:
        data = config.data
        return [json.dumps(data)] if isinstance(data, dict) else [json.dumps(one) for one in data or []]
    text = Path(config.data_file).read_text(encoding="utf-8")
    # A single message may hold templates where JSON has none, so it is not read before they are rendered.
    return [json.dumps(one) for one in json.loads(text)] if text.lstrip().startswith("[") else [text]
