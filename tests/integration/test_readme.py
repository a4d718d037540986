"""The examples of the pages do what the pages say."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from iotflow_server.local.service import ServiceProcess
from tests.support.markdown import Example, examples

pytest_plugins = ["tests.support.grpcurl"]

ROOT = Path(__file__).parents[2]
EXAMPLE_ADDRESS = "127.0.0.1:50051"


async def run(example: Example, address: str, grpcurl: Path) -> str:
    code = example.code.replace(EXAMPLE_ADDRESS, address)
    command = {
        "sh": ["sh", "-euc", code],
        "python": [sys.executable, "-W", "error", "-c", code],
    }[example.language]
    path = os.pathsep.join([str(grpcurl.parent), os.environ["PATH"]])
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PATH": path},
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, f"line {example.line}: {output.decode()}{errors.decode()}"
    return output.decode()


def check(example: Example, output: str) -> None:
    if example.answer is None:
        assert output.strip(), f"line {example.line} prints nothing"
    elif example.answer_language == "json":
        assert json.loads(output) == json.loads(example.answer), f"line {example.line}"
    else:
        assert output.split() == example.answer.split(), f"line {example.line}"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    """A server as a newcomer has it: nothing is set, PostgreSQL is embedded."""
    process = ServiceProcess(tmp_path / "data", {})
    try:
        await asyncio.to_thread(process.start)
        yield process
    finally:
        await asyncio.to_thread(process.terminate)


async def test_the_examples_of_the_readme_answer_as_it_says(service: ServiceProcess, grpcurl: Path) -> None:
    for example in examples(ROOT / "README.md"):
        check(example, await run(example, service.address, grpcurl))
