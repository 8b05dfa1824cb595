# SPDX-License-Identifier: Apache-2.0
import torch
from torch import nn

from rankseg.engine.resilience.snapshot import BufferSnapshot
from rankseg.models.memory.bank import FeatureBank


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("bank", torch.arange(4.0))
        self.register_buffer("full", torch.tensor([True, False]))
        self.register_buffer("none", None)


def test_everything_comes_back_in_place():
    model = Memory()
    snapshot = BufferSnapshot(model)
    for round_ in range(2):  # the second uses the memory of the first
        model.bank += 1
        wanted = {name: value.clone() for name, value in model.named_buffers()}
        weight = model.norm.weight.detach().clone()
        snapshot.take()
        model.norm(torch.full((2, 3), float("nan")))
        model.bank = torch.full((4,), float("nan"))  # replaced, as banks do
        model.full.fill_(True)
        with torch.no_grad():
            model.norm.weight += 1
        place = model.full.data_ptr()
        snapshot.restore()
        assert {*dict(model.named_buffers())} == {*wanted}
        assert all(torch.equal(value, wanted[name]) for name, value in model.named_buffers())
        assert model.full.data_ptr() == place
        assert torch.equal(model.norm.weight, weight + 1), round_  # no buffer


def test_a_bank_is_kept_and_not_copied():
    bank = FeatureBank(5, 2)
    snapshot = BufferSnapshot(bank)
    row = torch.zeros(1, dtype=torch.long)
    for value in (1.0, 2.0):
        bank.write(row, torch.tensor([[value, 1.0]]), row)
        before = {name: buffer.clone() for name, buffer in bank.named_buffers()}
        place = bank.feature.data_ptr()
        snapshot.take()
        for _ in range(2):  # whoever restores may go on, and restore again
            bank.write(row + 3, torch.full((1, 2), float("nan")), row + 1)
            assert bank.feature.isnan().any() and bank.written[3]
            snapshot.restore()
            assert all(torch.equal(x, before[name]) for name, x in bank.named_buffers())
            assert bank.feature.data_ptr() == place


def test_another_shape():
    model = Memory()
    snapshot = BufferSnapshot(model)
    snapshot.take()
    model.bank = torch.zeros(7)
    snapshot.take()  # between two steps
    model.bank = torch.ones(2)  # within one
    snapshot.restore()
    assert model.bank.shape == (7,)
    model.bank += 5
    snapshot.restore()
    assert model.bank.eq(0).all()  # the copy was not handed out
