# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from rankseg.models.layers import Projector


def kinds(projector: Projector) -> list[type]:
    return [type(layer) for layer in projector.layers]


def test_simmatch_by_hand():
    torch.manual_seed(0)
    projector = Projector(in_channels=5, out_channels=3)
    first, _, second = projector.layers
    x = torch.randn(4, 5)
    y = (x @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
    torch.testing.assert_close(projector(x), y / y.square().sum(1, keepdim=True).sqrt())
    assert first.weight.shape == (5, 5) and projector.out_channels == 3


def test_cmsf():
    projector = Projector(5, 3, hidden_channels=7, norm=True, normalize=False)
    assert kinds(projector) == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    x = torch.randn(16, 5)
    assert torch.equal(projector(x), projector.layers(x))


def test_second_output_of_mean_teacher():
    projector = Projector(5, 3, layers=1, normalize=False, weight_norm=True)
    assert len(projector.layers) == 1
    assert sum(p.numel() for p in projector.parameters()) == 5 * 3 + 3 + 3


def test_three_layers():
    assert kinds(Projector(5, 3, layers=3)) == [nn.Linear, nn.ReLU] * 2 + [nn.Linear]
    with pytest.raises(ValueError, match="layers of Projector .*1 or more, but got 0"):
        Projector(5, 3, layers=0)


def test_embeddings_are_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embedding = Projector(5, 3)(torch.randn(2, 5))
    assert embedding.dtype == torch.float32
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))
