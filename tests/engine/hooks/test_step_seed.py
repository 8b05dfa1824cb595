# SPDX-License-Identifier: Apache-2.0
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rankseg.engine.hooks import StepSeedHook, step_seed
from rankseg.testing.processes import run_processes

DRAWS = {
    "torch": lambda: torch.rand(3).tolist(),
    "numpy": lambda: np.random.rand(3).tolist(),
    "python": lambda: [random.random() for _ in range(3)],
}


def drawn(name: str, seed: int = 0, iteration: int = 0) -> tuple[float, ...]:
    """Random numbers of a step."""
    StepSeedHook().before_train_iter(SimpleNamespace(seed=seed, iter=iteration), 0)
    return tuple(DRAWS[name]())


@pytest.mark.parametrize("name", DRAWS)
def test_every_iteration_process_and_seed_has_its_own_numbers(name, monkeypatch):
    found = set()
    for rank in range(3):
        monkeypatch.setattr(step_seed, "get_rank", lambda rank=rank: rank)
        found |= {drawn(name, seed, at) for seed in range(3) for at in range(5)}
    assert len(found) == 3 * 3 * 5


@pytest.mark.parametrize("name", DRAWS)
def test_an_iteration_has_the_same_numbers_whatever_ran_before(name):
    first = drawn(name, 1, 7)
    drawn(name, 1, 8)
    assert drawn(name, 1, 7) == first


def _drawn(names):
    return [drawn(name, 0, 4) for name in names]


def test_two_processes_draw_different_numbers():
    one, other = run_processes(2, _drawn, list(DRAWS))
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))
