"""A real service of several workers, and ways to tell them apart."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc

from iotflow.telemetry.v1.access_service_pb2 import RegisterDeviceRequest
from iotflow_server.local.service import ServiceProcess
from tests.support.service import Caller
from tests.support.waiting import until

WORKERS: Final = 2


def workers_on(folder: Path, **settings: str) -> ServiceProcess:
    """A service that is not started yet."""
    return ServiceProcess(folder, {"IOTFLOW_WORKERS": str(WORKERS), "IOTFLOW_LOG_LEVEL": "DEBUG", **settings})


def logged(service: ServiceProcess, action: str) -> list[dict[str, Any]]:
    """The lines of the log with an action."""
    whole_lines = service.log.read_text().rpartition("\n")[0].splitlines()
    return [json.loads(line) for line in whole_lines if f'"action": "{action}"' in line]


def serving(service: ServiceProcess) -> list[dict[str, Any]]:
    """A line for each worker that has begun to serve."""
    return logged(service, "worker_serving")


async def until_replaced(service: ServiceProcess, ended: dict[str, Any]) -> None:
    """Return once another serves in place of a worker that serves no more."""
    await until(lambda: [line for line in serving(service) if line["worker"] == ended["worker"]][-1] != ended)


async def metric(service: ServiceProcess, name: str) -> float:
    """The sum of all samples whose text begins so."""
    url = f"http://{service.metrics_address}/metrics"
    page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))


@asynccontextmanager
async def connected(service: ServiceProcess) -> AsyncIterator[Caller]:
    """A connection of its own: the kernel gives it to one of the workers."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(service.address, options=options) as channel:
        yield Caller(channel)


@asynccontextmanager
async def one_of_each(service: ServiceProcess) -> AsyncIterator[list[Caller]]:
    """A connection to each worker."""
    found: dict[int, Caller] = {}
    async with AsyncExitStack() as stack:
        while len(found) < WORKERS:
            caller = await stack.enter_async_context(connected(service))
            found[await worker_of(service, caller)] = caller
        yield list(found.values())


async def register(caller: Caller, device_id: int, user_id: int) -> None:
    """Register a device, or give it to another user."""
    request = RegisterDeviceRequest(device_id=device_id, user_id=user_id)
    await caller.access.RegisterDevice(request)  # type: ignore[misc]


async def worker_of(service: ServiceProcess, caller: Caller) -> int:
    """The worker at the other end, which logs its calls."""
    before = len(logged(service, "call_ended"))
    await caller.status()
    await until(lambda: len(logged(service, "call_ended")) > before)
    return int(logged(service, "call_ended")[-1]["worker"])
