# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from rankseg.models.backbones import WideResNet


def test_forward_equals_the_definition():
    """The whole network once more, from FixMatch's description in plain tensor operations."""
    torch.manual_seed(0)
    network = WideResNet(depth=16, width=2).double().train()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x = torch.randn(3, 3, 16, 16).double()
    weights = dict(network.named_parameters())

    def active(x, name):
        gamma, beta = weights[f"{name}.weight"], weights[f"{name}.bias"]
        x = F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)
        return torch.where(x > 0, x, 0.1 * x)

    def conv(x, name, stride=1):
        weight = weights[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    expected = []
    y = conv(x, "stem")
    for stage in range(3):
        for block in range(2):
            name = f"stages.{stage}.{block}"
            stride = 2 if stage and not block else 1
            begin = active(y, f"{name}.norm1")
            inner = conv(begin, f"{name}.conv1", stride)
            inner = conv(active(inner, f"{name}.norm2"), f"{name}.conv2")
            if stage == block == 0:
                y = begin
            y = (y if block else conv(y, f"{name}.shortcut", stride)) + inner
        expected.append(y)
    expected[-1] = active(y, "norm")
    for mine, wanted in zip(network(x), expected, strict=True):
        torch.testing.assert_close(mine, wanted)


def test_initialization_of_the_paper():
    torch.manual_seed(0)
    network = WideResNet(depth=10, width=4)
    torch.nn.init.constant_(network.norm.weight, 7.0)
    network.init_weights()
    weight = network.stages[2][0].conv1.weight  # 256 filters of 3 x 3
    assert weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)
    assert torch.equal(network.norm.weight, torch.ones(256))


def test_statistics_are_slow():
    network = WideResNet(depth=10, width=1)
    assert {m.momentum for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {0.001}


@pytest.mark.parametrize("depth", [4, 27])
def test_depth(depth):
    with pytest.raises(ValueError, match=f"depth of WideResNet to be 6 n .*got {depth}"):
        WideResNet(depth=depth)
