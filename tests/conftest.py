# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by all tests."""

import gc
import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # tensors are tiny: a second thread only waits for the first


@pytest.fixture(scope="session", autouse=True)
def findings_of_tests(tmp_path_factory) -> None:
    """What is remembered of files that were checked is kept apart from that of the user."""
    os.environ["RANKSEG_CACHE_DIR"] = str(tmp_path_factory.mktemp("findings"))


@pytest.fixture(scope="session", autouse=True)
def imports_are_no_garbage() -> None:
    """Have mmengine's collection of garbage, one for every data set, pass over what is imported."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference values and small real image sets, where one lies beside the project."""
    path = Path(__file__).resolve().parents[2] / "shared"
    if not path.is_dir():
        pytest.skip("no reference material beside the project")
    return path
