# SPDX-License-Identifier: Apache-2.0
"""The pool of discovered images."""

import pytest
import torch
from torch import nn

from rankseg.engine.resilience.snapshot import BufferSnapshot
from rankseg.models.memory.pool import DiscoveredPool


@pytest.fixture
def pool():
    pool = DiscoveredPool(3)
    pool.add(torch.tensor([9, 4]), torch.tensor([2, 0]), generation=0, step=0)
    pool.add(torch.tensor([7]), torch.tensor([1]), generation=1, step=2)
    return pool


def test_add(pool):
    assert len(pool) == 3 and pool.index.tolist() == [9, 4, 7] and pool.label.tolist() == [2, 0, 1]
    assert pool.generation.tolist() == [0, 0, 1] and pool.step.tolist() == [0, 0, 2]


def test_find(pool):
    rows, found = pool.find(torch.tensor([4, 5, 7, 9, 9]))
    assert found.tolist() == [True, False, True, True, True]
    assert rows[found].tolist() == [1, 2, 0, 0]
    rows, found = DiscoveredPool(3).find(torch.tensor([0, 1]))
    assert rows.tolist() == [0, 0] and not found.any()


def test_a_state_is_taken_over_whatever_its_length(pool):
    pool.remember(torch.ones(5, 2), 2)
    state = pool.state_dict()
    for other in (DiscoveredPool(3), pool):
        other.load_state_dict(state)
        for name, value in other.state_dict().items():
            assert torch.equal(value, state[name])
    pool.load_state_dict(DiscoveredPool(3).state_dict())
    assert len(pool) == 0


def test_clear_keeps_features_and_reset_does_not(pool):
    pool.remember(torch.ones(5, 2), 2)
    pool.clear()
    assert len(pool) == len(pool.label) == len(pool.step) == 0 and len(pool.past) == 1
    pool.reset()
    assert len(pool.past) == 0


def test_the_latest_features_are_remembered(pool):
    for value in range(4):
        pool.remember(torch.full((5, 2), float(value)), 2)
    assert pool.past[:, 0, 0].tolist() == [2, 3] and pool.past.shape == (2, 5, 2)
    pool.remember(torch.zeros(5, 3), 2)  # of another layer
    assert pool.past.shape == (1, 5, 3)


def test_a_skipped_step_leaves_the_pool_as_it_was(pool):
    model = nn.ModuleDict({"pool": pool})
    snapshot = BufferSnapshot(model)
    snapshot.take()
    pool.add(torch.tensor([1]), torch.tensor([1]), 2, 0)
    snapshot.restore()
    assert pool.index.tolist() == [9, 4, 7] and len(pool.label) == 3


@pytest.mark.parametrize("label", [[3], [-1], [0, 1]])
def test_refused(pool, label):
    with pytest.raises(ValueError, match=r"N labels from 0 to 2, but got"):
        pool.add(torch.tensor([1]), torch.tensor(label), 0, 0)
    assert len(pool) == 3
