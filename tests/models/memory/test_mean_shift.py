# SPDX-License-Identifier: Apache-2.0
"""The memories against lists and dictionaries."""

from collections import deque

import numpy as np
import pytest
import torch
from torch import nn

from rankseg.engine.resilience.snapshot import BufferSnapshot
from rankseg.models.memory.mean_shift import MeanShiftMemory, PreviousFeatures, Targets

CPU = torch.device("cpu")


def targets(numbers, width=3):
    """Targets whose values are the numbers of their images."""
    index = torch.tensor(numbers)
    feature = index[:, None].float().expand(-1, width)
    return Targets(feature, index % 4 - 1, index, -feature, index % 2 == 0)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_first_in_first_out(size):
    memory, kept = MeanShiftMemory(size, 3, paired=True), deque(maxlen=size)
    numbers = iter(range(100))
    for count in (3, 3, 1, 9, 4):
        batch = [next(numbers) for _ in range(count)]
        memory.write(targets(batch))
        kept.extend(batch)
        assert memory.written.sum() == len(kept)
        order = memory.index[memory.written].argsort()
        wanted = targets(sorted(kept))
        for name in Targets._fields:
            found = getattr(memory, name)[memory.written][order]
            assert torch.equal(found, getattr(wanted, name)), name


def test_without_previous_features():
    memory = MeanShiftMemory(5, 3)
    memory.write(targets([1, 2])._replace(previous=torch.zeros(2, 0)))
    assert memory.previous.shape == (5, 0) and memory.index.tolist() == [1, 2, -1, -1, -1]
    assert memory.label.tolist() == [0, 1, -1, -1, -1]
    with pytest.raises(ValueError, match="model.memory_size .*got 0"):
        MeanShiftMemory(0, 3)


def step(cache, numbers, value):
    """Read a batch, then write it with features of this value."""
    found = cache.read(np.array(numbers), CPU)
    cache.write(torch.tensor(numbers), torch.full((len(numbers), 2), float(value)))
    return [rows.tolist() for rows in found]


def test_every_image_gets_what_was_written_last():
    cache, wanted = PreviousFeatures(6, 2), {}
    rng = np.random.default_rng(0)
    for value in range(1, 30):
        numbers = rng.choice(6, 3, replace=False).tolist()
        feature, known = step(cache, numbers, value)
        assert known == [n in wanted for n in numbers]
        assert [row[0] for row in feature] == [wanted.get(n, 0) for n in numbers]
        wanted |= dict.fromkeys(numbers, value)


def test_an_image_twice_in_a_batch():
    cache = PreviousFeatures(3, 2)
    cache.write(torch.tensor([1, 1]), torch.tensor([[1.0, 1], [2, 2]]))
    assert cache.read(np.array([1]), CPU)[0].tolist() == [[2, 2]]


def test_a_step_that_is_taken_back():
    cache = PreviousFeatures(4, 2)
    snapshot = BufferSnapshot(nn.ModuleList([cache]))
    step(cache, [0, 1], 1)
    cache.store()  # as the method does when a step is over
    snapshot.take()
    assert step(cache, [0, 2], 2) == [[[1, 1], [0, 0]], [True, False]]
    snapshot.restore()
    assert step(cache, [0, 1, 2], 3) == [[[1, 1], [1, 1], [0, 0]], [True, True, False]]
    cache.store()
    assert step(cache, [0, 1, 2, 3], 4)[0] == [[3, 3], [3, 3], [3, 3], [0, 0]]


def test_a_step_of_several_batches_that_is_taken_back():
    cache = PreviousFeatures(4, 2)
    snapshot = BufferSnapshot(nn.ModuleList([cache]))
    step(cache, [0, 1], 1)
    cache.store()
    snapshot.take()
    step(cache, [0], 2)
    step(cache, [1], 3)  # stores what waited of the batch before
    snapshot.restore()
    assert step(cache, [0, 1], 4)[0] == [[1, 1], [1, 1]]


def test_saved_with_what_waits():
    one, other = PreviousFeatures(4, 2), PreviousFeatures(4, 2)
    for value in (1, 2, 3):
        step(one, [0, 1, value], value)
    step(other, [2], 9)  # waits, and is forgotten
    other.load_state_dict(one.state_dict())
    for cache in (one, other):
        assert cache.read(np.arange(4), CPU)[0][:, 0].tolist() == [3, 3, 2, 3]


def test_it_stays_on_the_host_in_half_precision():
    cache = nn.ModuleList([PreviousFeatures(4, 2)]).double().to("meta")[0]
    assert cache.feature.device == CPU and cache.feature.dtype == torch.float16


class OnDevice(torch.Tensor):
    """Stands in for a tensor on an accelerator other than CUDA, such as MPS."""

    def cpu(self):
        return self.as_subclass(torch.Tensor)

    def numpy(self):
        raise TypeError("expected a tensor in CPU memory")


def test_rows_of_any_accelerator_are_copied():
    cache = PreviousFeatures(3, 2)
    index, feature = torch.tensor([1]), torch.ones(1, 2)
    cache.write(index.as_subclass(OnDevice), feature.as_subclass(OnDevice))
    assert cache.read(np.array([1]), CPU)[0].tolist() == [[1, 1]]


@pytest.mark.parametrize("paired", [True, False])
def test_a_memory_is_taken_back_without_a_copy_of_it(paired):
    memory = MeanShiftMemory(5, 2, paired)
    snapshot = BufferSnapshot(memory)

    def write(rows):
        targets = Targets(
            torch.randn(rows, 2),
            torch.randint(9, (rows,)),
            torch.randint(9, (rows,)),
            torch.randn(rows, 2 if paired else 0),
            torch.rand(rows) < 0.5,
        )
        memory.write(targets)

    torch.manual_seed(0)
    write(3)
    for _ in range(2):
        before = {name: value.clone() for name, value in memory.state_dict().items()}
        snapshot.take()
        assert not {name for _, name in snapshot._saved} & set(Targets._fields)
        for rows in (4, 4):  # of two iterations that share a step
            write(rows)
        assert not torch.equal(memory.feature, before["feature"])
        snapshot.restore()
        torch.testing.assert_close(dict(memory.state_dict()), before)
        write(2)  # and goes on


def test_nothing_is_kept_of_a_memory_that_is_not_taken_back():
    memory = MeanShiftMemory(5, 2)
    targets = Targets(
        torch.ones(2, 2), *torch.zeros(2, 2).long(), torch.ones(2, 0), torch.ones(2) > 0
    )
    memory.write(targets)
    assert memory._overwritten is None
    snapshot = BufferSnapshot(memory)
    for _ in range(3):
        snapshot.take()
        memory.write(targets)
    assert len(memory._overwritten) == 1
