"""What a call takes and returns: learnt at run time from the proto files, or from the server by reflection."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.load.config import CallConfig, ConfigError

_COMPILE_SECONDS = 60


@dataclass(frozen=True)
class Method:
    """A method of a service with the classes of its messages, made at run time."""

    descriptor: MethodDescriptor
    request: type[Message]
    response: type[Message]

    @property
    def path(self) -> str:
        """The name under which it is called."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"


def resolve(config: CallConfig, channel: grpc.Channel) -> Method:
    """Find the method that a config calls. Without a proto file the server is asked.

    :raises ConfigError: the proto does not compile, or there is no such service or method.
    """
    pool = _compiled(config) if config.proto else _reflected(channel)
    service_name, method_name = config.full_method
    source = config.proto or f"the reflection of {config.host}"
    try:
        service = pool.FindServiceByName(service_name)
    except KeyError:
        raise ConfigError(f"call: {source} has no service {service_name}") from None
    except grpc.RpcError as error:
        raise ConfigError(f"host: {config.host} does not answer by reflection: {error.details()}") from None
    if method_name not in service.methods_by_name:
        known = ", ".join(service.methods_by_name)
        raise ConfigError(f"call: {service_name} has no method {method_name}; it has {known}")
    return _method(service.methods_by_name[method_name])


def _method(found: MethodDescriptor) -> Method:
    request, response = map(message_factory.GetMessageClass, (found.input_type, found.output_type))
    return Method(found, request, response)


def _reflected(channel: grpc.Channel) -> DescriptorPool:
    return DescriptorPool(ProtoReflectionDescriptorDatabase(channel))


def _compiled(config: CallConfig) -> DescriptorPool:
    # The proto's own folder and the current one are searched first, as ghz does.
    folders = [str(Path(config.proto).parent), ".", *config.import_paths]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "descriptors"
        command = ["--include_imports", f"--descriptor_set_out={output}", *(f"-I{path}" for path in folders)]
        done = subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", *command, config.proto],
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
        )
        if done.returncode != 0:
            raise ConfigError(f"proto: {config.proto} does not compile: {done.stderr.strip()}")
        files = FileDescriptorSet.FromString(output.read_bytes()).file
    pool = DescriptorPool()
    for file in files:
        pool.Add(file)
    return pool
