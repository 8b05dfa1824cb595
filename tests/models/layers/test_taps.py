# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from rankseg.models.layers import FeatureTap, find_module


@pytest.fixture
def network():
    return nn.ModuleDict({"body": nn.Linear(2, 3), "head": nn.Linear(3, 1)})


def test_keeps_the_output_and_its_gradient(network):
    with FeatureTap(network, "body") as tap:
        out = network["head"](network["body"](torch.ones(4, 2)))
    assert torch.equal(tap.output, network["body"](torch.ones(4, 2)))
    assert torch.autograd.grad(out.sum(), tap.output)[0].shape == (4, 3)


def test_leaves_no_hook_behind(network):
    with pytest.raises(RuntimeError, match="stop"), FeatureTap(network, "body"):
        raise RuntimeError("stop")
    assert not network["body"]._forward_hooks


def test_no_name_no_tap(network):
    with FeatureTap(network, None) as tap:
        network["body"](torch.ones(1, 2))
    assert tap.output is None


def test_unknown_name_says_what_is_near(network):
    with pytest.raises(ValueError, match="feature_tap='haed' names no module .* head"):
        find_module(network, "haed")
