"""Fixtures that every test may use. Real servers are started once for the whole run."""

pytest_plugins = ["tests.support.postgres", "tests.support.iotdb"]
