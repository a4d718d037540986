"""Fixtures that every test may use. Real servers are started once for the whole run."""

import os

# Read by gRPC when it is first imported: its handlers at fork have crashed children of this many-threaded process.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

pytest_plugins = ["tests.support.examples", "tests.support.postgres", "tests.support.iotdb", "tests.support.redis"]
