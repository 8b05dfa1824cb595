# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by all tests."""

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # tensors are tiny: a second thread only waits for the first


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference values and small real image sets, where one lies beside the project."""
    path = Path(__file__).resolve().parents[2] / "shared"
    if not path.is_dir():
        pytest.skip("no reference material beside the project")
    return path
