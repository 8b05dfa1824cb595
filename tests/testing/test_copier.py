# SPDX-License-Identifier: Apache-2.0
import copy

import torch
from torch import nn

from rankseg.testing.copier import Copier


def network() -> nn.Module:
    found = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    found[2].weight = found[0].weight
    found[2].bias.requires_grad_(False)
    found.scale = lambda value: 2 * value
    found.counts = [torch.zeros(1)]
    return found.eval()


def test_a_copy_is_that_of_deepcopy():
    original = network()
    expected, found = copy.deepcopy(original), Copier(original).copy()
    assert found.state_dict().keys() == expected.state_dict().keys()
    assert all(torch.equal(v, found.state_dict()[k]) for k, v in expected.state_dict().items())
    assert found[0].weight is found[2].weight is not original[0].weight
    assert isinstance(found[0].weight, nn.Parameter) and found[0].weight.requires_grad
    assert not found[2].bias.requires_grad and not found[1].training
    assert found.scale(3) == 6


def test_copies_are_those_of_the_moment_and_independent():
    original = network()
    before = copy.deepcopy(original.state_dict())
    copier = Copier(original)
    one = copier.copy()
    for some in (original, one):
        some.train()(torch.rand(4, 2)).sum().backward()
        some.counts[0] += 1
        with torch.no_grad():
            some[0].weight.zero_()
    other = copier.copy()
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
    assert other.counts[0] == 0 and other[0].weight.grad is None and not other.training
