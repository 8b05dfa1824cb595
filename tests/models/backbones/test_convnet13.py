# SPDX-License-Identifier: Apache-2.0
import torch
import torch.nn.functional as F

from rankseg.models.backbones import ConvNet13


def test_forward_equals_the_definition():
    """Table 5 of Mean Teacher in plain tensor operations, its weights normalised by hand."""
    torch.manual_seed(0)
    network = ConvNet13().double().eval()
    convs = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.normal_(norm.running_mean)
        torch.nn.init.uniform_(norm.weight)
    x = torch.randn(2, 3, 20, 20).double()
    expected, y = [], x
    for number, (conv, norm) in enumerate(zip(convs, norms, strict=True)):
        gain = conv.parametrizations.weight.original0
        direction = conv.parametrizations.weight.original1
        length = direction.square().sum((1, 2, 3), keepdim=True).sqrt()
        y = F.conv2d(y, gain * direction / length, conv.bias, padding=1 if number < 6 else 0)
        y = (y - norm.running_mean[:, None, None]) * norm.weight[:, None, None] / (1 + 1e-5) ** 0.5
        y = torch.where(y > 0, y, 0.1 * y)
        if number in (2, 5):
            y = y.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2))
            expected.append(y)
    for mine, wanted in zip(network(x), [*expected, y], strict=True):
        torch.testing.assert_close(mine, wanted)


def test_dropout_while_training():
    network = ConvNet13(dropout_ratio=0.5).train()
    first, second, third = network(torch.randn(2, 3, 16, 16))
    assert 0.45 < (first == 0).float().mean() < 0.55
    assert 0.45 < (second == 0).float().mean() < 0.55
    assert (third == 0).sum() == 0
