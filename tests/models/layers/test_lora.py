# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from rankseg.models.layers.lora import LoRAConv2d, LoRALinear, add_lora, is_pointwise, merge_lora


def test_linear_equals_its_formula():
    layer = LoRALinear(nn.Linear(5, 3).double(), rank=2, alpha=6.0)
    nn.init.normal_(layer.lora_b)
    x = torch.randn(4, 5, dtype=torch.float64)
    weight = layer.weight + 3 * layer.lora_b @ layer.lora_a
    torch.testing.assert_close(layer(x), x @ weight.T + layer.bias)
    torch.testing.assert_close(layer.merged()(x), layer(x))


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("stride", [1, 2, (2, 3)])
def test_convolution_equals_one_with_the_merged_weight(stride, bias):
    torch.manual_seed(0)
    conv = nn.Conv2d(5, 3, 1, stride=stride, bias=bias).double()
    layer = LoRAConv2d(conv, rank=2, alpha=6.0)
    ones = torch.ones(1, 5, 4, 4).double()
    assert torch.equal(layer(ones), conv(ones))  # B is zero
    nn.init.normal_(layer.lora_b)
    x = torch.randn(2, 5, 7, 8).double().requires_grad_()
    ours = [x, layer.lora_a, layer.lora_b]
    rows, columns = stride if isinstance(stride, tuple) else (stride, stride)
    weight = layer.weight[..., 0, 0] + 3.0 * layer.lora_b[..., 0, 0] @ layer.lora_a[..., 0, 0]
    expected = torch.einsum("oi,bihw->bohw", weight, x[:, :, ::rows, ::columns])
    if bias:
        expected = expected + layer.bias.view(1, 3, 1, 1)
    found = layer(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    slope = torch.randn_like(found)
    for one, other in zip(
        torch.autograd.grad(found, ours, slope),
        torch.autograd.grad(expected, ours, slope),
        strict=True,
    ):
        assert one.any()
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)
    layer(x).sum().backward()
    assert layer.weight.grad is None and layer.weight is conv.weight
    plain = layer.merged()
    assert type(plain) is nn.Conv2d and plain.stride == conv.stride
    torch.testing.assert_close(plain(x), expected, rtol=0, atol=1e-12)


class Standardized(nn.Conv2d):
    """Stands for the subclasses of timm that change the weight before they use it."""


def test_adapters_are_on_pointwise_convolutions_alone():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(4, 6, 1, stride=2),
        nn.Conv2d(6, 6, 1, groups=2),
        nn.Conv2d(6, 6, 1, padding=1),
        nn.Conv2d(6, 2, (1, 3)),
        Standardized(2, 4, 1),
    )
    assert [is_pointwise(one) for one in network] == [False, True, False, False, False, False]
    names = network.state_dict().keys()
    image = torch.randn(1, 3, 12, 12)
    with torch.no_grad():
        before = network(image)
        assert add_lora(network, 2) == 1
        assert torch.equal(network(image), before)
        assert {k for k in network.state_dict() if ".lora_" not in k} == set(names)
        network[1].lora_b.normal_()
        adapted = network(image)
        assert not torch.allclose(adapted, before)
        assert merge_lora(network) == 1
        torch.testing.assert_close(network(image), adapted)
    assert network.state_dict().keys() == names


def test_attention_layers_come_before_convolutions():
    network = nn.ModuleDict(dict(conv=nn.Conv2d(3, 4, 1), attn=nn.ModuleDict()))
    network["attn"]["qkv"] = nn.Linear(4, 12)
    assert add_lora(network, 2) == 1
    assert type(network["conv"]) is nn.Conv2d and type(network["attn"]["qkv"]) is LoRALinear
