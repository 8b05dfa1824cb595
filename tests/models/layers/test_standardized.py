# SPDX-License-Identifier: Apache-2.0
"""The standardized hidden layer against its formula, feature by feature."""

import torch

from rankseg.models.layers import StandardizedLayer


def test_output_equals_the_formula():
    torch.manual_seed(0)
    layer = StandardizedLayer(5, 3)
    data, x = 3 * torch.randn(20, 5) + 1, torch.randn(4, 5)
    layer.fit(data)
    unit = torch.stack([row / row.square().sum().sqrt() for row in data]).double()
    mean = unit.sum(0) / 20
    variance = (unit - mean).square().sum(0) / 19
    rows = torch.stack([row / row.square().sum().sqrt() for row in x])
    rows = ((rows - mean) / (variance + 1e-5).sqrt()).float()
    hidden = rows @ layer.layers[0].weight.T + layer.layers[0].bias
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(layer(x), hidden.clamp(min=0), rtol=1e-4, atol=1e-5)


def test_does_not_depend_on_the_length_of_a_feature():
    layer = StandardizedLayer(5, 3).eval()
    layer.fit(torch.randn(20, 5))
    x = torch.randn(4, 5)
    torch.testing.assert_close(layer(x), layer(7 * x), rtol=1e-4, atol=1e-5)


def test_statistics_are_constants_that_checkpoints_keep():
    layer, other = StandardizedLayer(5, 3), StandardizedLayer(5, 3)
    assert not layer.fitted
    layer.fit(torch.randn(20, 5))
    mean = layer.mean.clone()
    layer.train()(torch.randn(8, 5))
    assert torch.equal(layer.mean, mean)
    other.load_state_dict(layer.state_dict())
    assert other.fitted and torch.equal(other.mean, mean)
