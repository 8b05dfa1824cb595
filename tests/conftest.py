# SPDX-License-Identifier: Apache-2.0
"""Order of the tests, and fixtures, which a process that only deals out tests does not need."""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import importlib.util
from pathlib import Path

import pytest

LONG = ("tests/reliability/", "tests/test_", "tests/tools/", "tests/engine/", "tests/models/")


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixtures, whose imports take seconds, unless other processes run the tests."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return
    spec = importlib.util.spec_from_file_location(
        "fixtures", Path(__file__).with_name("fixtures.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config.pluginmanager.register(module, "fixtures of all tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the long files, so that none is left to one process at the end."""

    def place(item: pytest.Item) -> int:
        found = (i for i, start in enumerate(LONG) if item.nodeid.startswith(start))
        return next(found, len(LONG))

    items.sort(key=place)
