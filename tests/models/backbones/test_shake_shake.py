# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from rankseg.models.backbones import ShakeShakeNet
from rankseg.models.backbones.shake_shake import shake


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_values_and_gradients_have_shares_of_their_own(dtype):
    first, second, gradient = torch.randn(3, 4, 2, 3, 3, dtype=torch.float64).to(dtype)
    first, second = (x.clone().requires_grad_() for x in (first, second))
    torch.manual_seed(3)
    mixed = shake(first, second)
    mixed.backward(gradient)
    torch.manual_seed(3)
    a, b = torch.rand(2, 4, dtype=dtype).double().tolist()
    assert len({*a, *b}) == 8
    exact = dict(rtol=0.02, atol=0.02) if dtype == torch.bfloat16 else {}
    for i in range(4):
        x, y, g = (t[i].detach().double() for t in (first, second, gradient))
        torch.testing.assert_close(mixed[i].double(), a[i] * x + (1 - a[i]) * y, **exact)
        torch.testing.assert_close(first.grad[i].double(), b[i] * g, **exact)
        torch.testing.assert_close(second.grad[i].double(), (1 - b[i]) * g, **exact)


@pytest.mark.parametrize("original", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_forward_equals_the_definition(training, original, monkeypatch):
    """The whole network once more, in plain tensor operations; while training shares are 0.25."""
    monkeypatch.setattr(torch, "rand", lambda shape, **kw: torch.full(shape, 0.25, **kw))
    share = 0.25 if training else 0.5
    torch.manual_seed(0)
    network = ShakeShakeNet(depth=14, width=4, original=original).double().train(training)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    for name, buffer in network.named_buffers():
        if name.endswith(("mean", "var")):
            buffer.uniform_(0.5, 1.5)
    weights, statistics = dict(network.named_parameters()), dict(network.named_buffers())
    x = torch.randn(3, 3, 16, 12).double()

    def norm(x, name):
        mean, var = (statistics[f"{name}.running_{of}"] for of in ("mean", "var"))
        if training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        mean, var, gamma, beta = (
            t.view(1, -1, 1, 1)
            for t in (mean, var, weights[f"{name}.weight"], weights[f"{name}.bias"])
        )
        return (x - mean) / (var + 1e-5).sqrt() * gamma + beta

    def conv(x, name, stride=1):
        weight = weights[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def branch(x, name, stride):
        x = norm(conv(x.clamp(min=0), f"{name}.1", stride), f"{name}.2")
        return norm(conv(x.clamp(min=0), f"{name}.4"), f"{name}.5")

    def halved(x, name):
        weight = weights[f"{name}.conv.weight"]
        straight = x[:, :, 0::2, 0::2].clamp(min=0)
        shifted = x[:, :, 1::2, 1::2].clamp(min=0)
        half = len(weight) // 2
        parts = torch.cat((F.conv2d(straight, weight[:half]), F.conv2d(shifted, weight[half:])), 1)
        if not original:
            parts = parts + weights[f"{name}.conv.bias"].view(1, -1, 1, 1)
        return norm(parts, f"{name}.norm")

    expected = []
    y = conv(x, "stem.0")
    if original:
        y = norm(y, "stem.1")
    for stage in range(3):
        for block in range(2):
            name = f"stages.{stage}.{block}"
            stride = 2 if stage and not block else 1
            first, second = (branch(y, f"{name}.branches.{i}", stride) for i in range(2))
            if block == 0 and stage == 0:
                y = norm(conv(y, f"{name}.shortcut.0"), f"{name}.shortcut.1")
            elif block == 0:
                y = halved(y, f"{name}.shortcut")
            y = y + share * first + (1 - share) * second
        expected.append(y)
    if original:
        expected[-1] = y.clamp(min=0)
    for mine, wanted in zip(network(x), expected, strict=True):
        torch.testing.assert_close(mine, wanted)


@pytest.mark.parametrize(("original", "wanted"), [(False, 26_189_616), (True, 26_189_072)])
def test_number_of_parameters(original, wanted):
    """With two linear outputs of 10 classes, 7,700 more: 26,197,316 and 26,196,772."""
    with torch.device("meta"):
        network = ShakeShakeNet(original=original)
    assert sum(parameter.numel() for parameter in network.parameters()) == wanted


def test_odd_sizes():
    maps = ShakeShakeNet(depth=8, width=2)(torch.randn(2, 3, 9, 5))
    assert [tuple(m.shape[1:]) for m in maps] == [(2, 9, 5), (4, 5, 3), (8, 3, 2)]


def test_the_shares_are_those_of_the_seed():
    network = ShakeShakeNet(depth=8, width=4)
    images = torch.randn(2, 3, 8, 8)
    runs = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        last = network(images)[-1]
        (gradient,) = torch.autograd.grad(last.sum(), network.stem[0].weight)
        runs.append((last, gradient))
    for first, second, third in zip(*runs, strict=True):
        assert torch.equal(first, second)
        assert not torch.equal(first, third)


def test_initialization_of_the_paper():
    torch.manual_seed(0)
    network = ShakeShakeNet(depth=8, width=64)
    network.init_weights()
    weight = network.stages[2][0].branches[0][1].weight  # 256 filters of 3 x 3
    assert weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(depth=28), "depth of ShakeShakeNet to be 6 n .*got 28"),
        (dict(depth=2), "depth of .*got 2"),
        (dict(width=33), "width of ShakeShakeNet to be an even .*got 33"),
        (dict(width=0), "width of .*got 0"),
    ],
)
def test_sizes(wrong, message):
    with pytest.raises(ValueError, match=message):
        ShakeShakeNet(**wrong)
