"""What is freed is used again, in a process of its own: what the C library is told holds for all of a process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

#: Prints how many pages of a block of 16 MiB, freed once and taken again, the kernel had to give anew.
_FAULTS = """
import resource
from iotflow_server.cli.allocator import keep_freed_memory

keep_freed_memory()
bytes(b"1") * (16 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytes(b"1") * (16 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")
def test_freed_memory_is_used_again_without_new_pages() -> None:
    run = subprocess.run([sys.executable, "-c", _FAULTS], capture_output=True, check=True, text=True)
    assert int(run.stdout) < 100
