# SPDX-License-Identifier: Apache-2.0
"""The dilated convolution against PyTorch's, and its gradient against differences."""

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn
from torch.nn import functional as F

from rankseg.models.layers.dilated import DilatedConv2d, speed_up_dilated, weight_gradient
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_student


def dilated(channels, features, dilation):
    """Build a layer of ours."""
    layer = nn.Conv2d(channels, features, 3, padding=dilation, dilation=dilation, bias=False)
    speed_up_dilated(layer)
    return layer


def convolve(layer, x, gradient):
    """Return the output and the gradients of input and weights."""
    x = x.detach().requires_grad_()
    y = layer(x)
    return y.detach(), *torch.autograd.grad(y, (x, layer.weight), gradient)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(9, 9), (21, 21), (5, 30), (13, 12), (1, 1)])
def test_equals_the_convolution_of_torch(size, layout):
    torch.manual_seed(0)
    ours = dilated(8, 6, 12).to(memory_format=layout)
    plain = nn.Conv2d(8, 6, 3, padding=12, dilation=12, bias=False).to(memory_format=layout)
    plain.load_state_dict(ours.state_dict())
    assert ours.share(size) <= 0.5
    x = torch.randn(2, 8, *size).to(memory_format=layout)
    gradient = torch.randn(2, 6, *size).to(memory_format=layout)
    (y, of_x, of_weight), wanted = convolve(ours, x, gradient), convolve(plain, x, gradient)
    assert y.equal(wanted[0]) and of_x.equal(wanted[1])
    assert y.stride() == wanted[0].stride() and of_x.stride() == wanted[1].stride()
    exact = convolve(plain.double(), x.double(), gradient.double())[2]
    torch.testing.assert_close(of_weight, exact.float(), rtol=1e-5, atol=1e-5)
    assert of_weight.stride() == ours.weight.stride()
    if max(size) <= 12:  # all but the center of the kernel lies on the padding
        assert of_weight.count_nonzero() <= 6 * 8


@pytest.mark.parametrize("dilation", [1, 2, 3, 7])
def test_gradient_equals_differences(dilation):
    torch.manual_seed(0)
    layer = dilated(2, 3, dilation).double()
    x = torch.randn(2, 2, 4, 5, dtype=torch.double, requires_grad=True)

    def run(x, weight):
        return torch.func.functional_call(layer, {"weight": weight}, (x,))

    torch.autograd.gradcheck(run, (x, layer.weight))
    torch.autograd.gradgradcheck(run, (x, layer.weight))
    gradient = torch.randn(2, 3, 4, 5, dtype=torch.double)
    (wanted,) = torch.autograd.grad(
        F.conv2d(x, layer.weight, padding=dilation, dilation=dilation), layer.weight, gradient
    )
    torch.testing.assert_close(weight_gradient(x, gradient, layer.weight, dilation), wanted)


@pytest.mark.parametrize(("dilation", "share"), [(6, 0.655), (12, 0.383), (18, 0.184), (30, 1 / 9)])
def test_own_gradient_where_most_of_the_kernel_lies_on_the_padding(dilation, share):
    layer, x = dilated(2, 3, dilation), torch.randn(1, 2, 21, 21)
    assert layer.share((21, 21)) == pytest.approx(share, abs=1e-3)
    name = layer(x).grad_fn.name()
    assert name == ("ConvolutionBackward0" if dilation == 6 else "_ConvolutionBackward")


def test_torch_convolves_outside_training():
    layer, x = dilated(2, 3, 18), torch.randn(1, 2, 9, 9, requires_grad=True)
    assert layer(x).grad_fn.name() == "_ConvolutionBackward"
    assert layer.eval()(x).grad_fn.name() == "ConvolutionBackward0"
    layer.train().requires_grad_(False)
    assert layer(x).grad_fn.name() == "ConvolutionBackward0"
    with torch.no_grad():
        assert layer(x).grad_fn is None


def test_mixed_precision():
    torch.manual_seed(0)
    layer, x = dilated(16, 6, 12), torch.randn(2, 16, 9, 9)
    plain = nn.Conv2d(16, 6, 3, padding=12, dilation=12, bias=False)
    plain.load_state_dict(layer.state_dict())
    gradient = torch.randn(2, 6, 9, 9).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found, wanted = convolve(layer, x, gradient), convolve(plain, x, gradient)
    assert [value.dtype for value in found] == [torch.bfloat16, torch.float32, torch.float32]
    assert found[0].equal(wanted[0])
    torch.testing.assert_close(found[1:], wanted[1:], rtol=2e-2, atol=2e-2)  # a few steps of 2^-8


def test_backward_pass_inside_autocast_keeps_its_precision():
    torch.manual_seed(0)
    layer, x = dilated(16, 6, 12), torch.randn(2, 16, 9, 9)
    (wanted,) = torch.autograd.grad(layer(x).square().sum(), layer.weight)
    loss = layer(x).square().sum()
    with torch.autocast("cpu", torch.bfloat16):
        (found,) = torch.autograd.grad(loss, layer.weight)
    assert found.equal(wanted)


def test_other_convolutions_keep_their_type():
    wide = dict(kernel_size=3, padding=2, dilation=2, bias=False)
    options = [
        wide,
        wide | dict(bias=True),
        wide | dict(groups=2),
        wide | dict(stride=2),
        wide | dict(padding=1),
        wide | dict(padding="same"),
        wide | dict(padding_mode="reflect"),
        wide | dict(padding=(2, 3), dilation=(2, 3)),
        wide | dict(padding=1, dilation=1),
        wide | dict(kernel_size=5),
    ]
    network = nn.Sequential(*(nn.Conv2d(4, 4, **one) for one in options))
    keys = list(network.state_dict())
    speed_up_dilated(network)
    assert [type(layer) is DilatedConv2d for layer in network] == [True] + [False] * 9
    assert list(network.state_dict()) == keys


def test_methods_use_it():
    init_default_scope("rankseg")
    method = MODELS.build(dict(type="CPS", student=toy_student()))
    for network in (method.student, method.second):
        assert any(isinstance(module, DilatedConv2d) for module in network.modules())
