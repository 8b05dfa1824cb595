# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from rankseg.models.layers import FeatureTap, find_module


@pytest.fixture
def network():
    return nn.ModuleDict({"body": nn.Conv2d(2, 3, 1), "head": nn.Linear(3, 1)})


def test_keeps_the_output_and_its_gradient(network):
    images = torch.ones(4, 2, 3, 3)
    with FeatureTap(network, "body") as tap:
        out = network["body"](images) * 2
    assert torch.equal(tap.output, network["body"](images))
    assert (torch.autograd.grad(out.sum(), tap.output)[0] == 2).all()


def test_leaves_no_hook_behind(network):
    with pytest.raises(RuntimeError, match="stop"), FeatureTap(network, "body"):
        raise RuntimeError("stop")
    assert not network["body"]._forward_hooks


def test_no_name_no_tap(network):
    with FeatureTap(network, None) as tap:
        network["body"](torch.ones(1, 2, 3, 3))
    assert tap.output is None


def test_what_is_not_a_feature_map(network):
    message = "output of feature_tap='head' .*Linear"
    with pytest.raises(ValueError, match=message), FeatureTap(network, "head"):
        network["head"](torch.ones(1, 2, 3))


def test_a_vector_is_a_map_of_one_pixel(network):
    with FeatureTap(network, "head") as tap:
        output = network["head"](torch.ones(4, 3))
    assert torch.equal(tap.output, output[:, :, None, None])


def test_unknown_name_says_what_is_near(network):
    with pytest.raises(ValueError, match="feature_tap .*got 'haed'.*: head"):
        find_module(network, "haed")


def test_what_goes_in_may_be_kept(network):
    images = torch.rand(4, 2, 3, 3)
    with FeatureTap(network, "body:input") as tap:
        network["body"](images)
    assert tap.output is images
    message = "input of feature_tap='head:input' .*Linear"
    with pytest.raises(ValueError, match=message), FeatureTap(network, "head:input"):
        network["head"](torch.ones(1, 2, 3))


def test_the_last_of_several_maps_is_kept():
    class Pyramid(nn.Module):
        def forward(self, images):
            return images, images[..., ::2, ::2]

    network = nn.ModuleDict({"backbone": Pyramid()})
    with FeatureTap(network, "backbone") as tap:
        network["backbone"](torch.ones(4, 2, 4, 4))
    assert tap.output.shape == (4, 2, 2, 2)
