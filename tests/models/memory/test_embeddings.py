# SPDX-License-Identifier: Apache-2.0
"""The memory of embeddings against a list, and clusters in checkpoints."""

import pytest
import torch

from rankseg.engine.resilience.snapshot import BufferSnapshot
from rankseg.models.memory import embeddings
from rankseg.models.memory.embeddings import Clusters, EmbeddingMemory


@pytest.mark.parametrize("size", [1, 5, 6, 7, 40])
def test_memory_holds_the_latest_first_in_first_out(size):
    torch.manual_seed(0)
    memory, past = EmbeddingMemory(size, 2), []
    assert len(memory) == 0 and memory.read()[0].shape == (0, 2)
    for step, rows in enumerate([3, 1, 6, 6, 2, 9]):
        x, y = torch.randn(rows, 2), torch.arange(rows) + 10 * step
        memory.write(x, y)
        past = [*past, *zip(y.tolist(), x.tolist(), strict=True)][-size:]
        embedding, label = memory.read()
        found = dict(zip(label.tolist(), embedding.tolist(), strict=True))
        assert found == dict(past) and len(memory) == len(past)
    memory.clear()
    assert len(memory) == 0 and memory.read()[1].shape == (0,)
    memory.write(torch.ones(1, 2), torch.tensor([5]))
    assert memory.read()[1].tolist() == [5]


def test_what_was_read_does_not_change():
    memory = EmbeddingMemory(2, 1)
    memory.write(torch.ones(2, 1), torch.tensor([1, 2]))
    embedding, label = memory.read()
    memory.write(torch.zeros(2, 1), torch.tensor([3, 4]))
    assert embedding.tolist() == [[1], [1]] and label.tolist() == [1, 2]


def test_memory_survives_in_a_checkpoint_and_the_count_stays_on_the_host():
    one, two = EmbeddingMemory(4, 2), EmbeddingMemory(4, 2)
    one.write(torch.randn(3, 2), torch.arange(3))
    two.load_state_dict(one.state_dict())
    for memory in (one, two):
        memory.write(torch.ones(2, 2), torch.tensor([8, 9]))
    torch.testing.assert_close(one.read(), two.read())
    assert two.read()[1].tolist() == [9, 1, 2, 8]
    moved = one.to("meta")
    assert moved.embedding.is_meta and moved.label.is_meta and not moved.count.is_meta
    assert len(moved) == 4


@pytest.mark.parametrize(("size", "channels"), [(5, 2), (4, 3)])
def test_a_memory_of_another_size_begins_empty(size, channels):
    one, two = EmbeddingMemory(4, 2), EmbeddingMemory(size, channels)
    one.write(torch.randn(3, 2), torch.arange(3))
    two.write(torch.randn(1, channels), torch.tensor([7]))
    two.load_state_dict(one.state_dict())
    assert len(two) == 0 and two.embedding.shape == (size, channels)


def test_a_step_can_be_taken_back():
    memory, clusters = EmbeddingMemory(4, 2), Clusters()
    both = torch.nn.ModuleList([memory, clusters])
    memory.write(torch.randn(3, 2), torch.arange(3))
    clusters.set(torch.tensor([0, 1, 1]), torch.randn(2, 2))
    before = {key: value.clone() for key, value in both.state_dict().items()}
    snapshot = BufferSnapshot(both)
    snapshot.take()
    memory.write(torch.randn(3, 2), torch.arange(3))
    clusters.set(torch.tensor([0, 1, 2]), torch.randn(3, 2))
    snapshot.restore()
    torch.testing.assert_close(dict(both.state_dict()), before)


def test_a_memory_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"model.memory.size .*got 0"):
        EmbeddingMemory(0, 2)


def test_clusters_survive_in_a_checkpoint_whatever_their_number():
    one, two = Clusters(), Clusters()
    assert len(one) == 0
    one.set(torch.tensor([0, 2, 1, 2]), torch.randn(3, 5))
    two.load_state_dict(one.state_dict())
    assert len(two) == 3 and two.label.tolist() == [0, 2, 1, 2]
    torch.testing.assert_close(two.centre, one.centre)
    one.load_state_dict(Clusters().state_dict())
    assert len(one) == 0 and len(one.label) == 0


@pytest.mark.parametrize("label", [[0, 3], [-1, 0], [[0, 1]]])
def test_labels_that_are_no_clusters_are_refused(label):
    with pytest.raises(ValueError, match=r"N cluster labels below K .*got labels of shape"):
        Clusters().set(torch.tensor(label), torch.randn(3, 5))


def test_processes_remember_the_batches_of_all(monkeypatch):
    def of_both(rows):  # the other process has the same, one higher
        return torch.stack((rows, rows + 1), 1).flatten(0, 1)

    monkeypatch.setattr(embeddings, "gather_rows", of_both)
    memory = EmbeddingMemory(5, 1)
    memory.write(torch.tensor([[1.0], [3.0]]), torch.tensor([10, 20]))
    assert memory.read()[0].flatten().tolist() == [1, 2, 3, 4]
    assert memory.read()[1].tolist() == [10, 11, 20, 21] and len(memory) == 4
