# SPDX-License-Identifier: Apache-2.0
import torch
from torch import nn

from rankseg.engine.snapshot import BufferSnapshot


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
