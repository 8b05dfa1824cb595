# SPDX-License-Identifier: Apache-2.0
"""The composed network against its parts, put together by hand."""

import copy

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn
from torch.nn import functional as F

from rankseg.models.segmentors.composition import ComposedNetwork, Composition, feature_map
from rankseg.registry import MODELS

WIDE = dict(type="WideResNet", depth=10, width=1), ["stem", "stages.0", "stages.1"], 32, 64
CONV = dict(type="ConvNet13"), ["stage1", "stage2"], 256, 128
STEM = ["conv1", "bn1", "relu", "maxpool"]
DEEP = (
    dict(type="CifarResNet", depth=18, base_channels=8, stem_channels=8),
    [*STEM, "layer1", "layer2", "layer3"],
    32,
    64,
)


def network(backbone, width):
    init_default_scope("rankseg")
    torch.manual_seed(0)
    head = dict(type="ImageLevelHead", in_channels=width, num_classes=3)
    net = MODELS.build(dict(type="EncoderDecoder", backbone=backbone, decode_head=head))
    return shaken(net)


def shaken(net):
    """Another network of the same kind, with statistics that matter."""
    net = copy.deepcopy(net)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.mul_(1 + 0.1 * torch.rand_like(value)).add_(0.01 * torch.rand_like(value))
    return net


def composed(kind=WIDE, sources=3):
    backbone, part, channels, width = kind
    net = network(backbone, width)
    return net, Composition(net, [f"backbone.{p}" for p in part], channels, sources)


@pytest.fixture
def images():
    torch.manual_seed(1)
    return torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("kind", [WIDE, CONV, DEEP])
def test_begins_as_the_network_itself(kind, images):
    net, composition = composed(kind)
    composition.check(net)
    net.eval(), composition.eval()
    whole = ComposedNetwork([net] * 3, composition)
    assert not whole.training  # who brings it back to its mode does not change the composition's
    wanted = net.decode_head(net.extract_feat(images))
    found = whole.decode_head(whole.extract_feat(images))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_is_the_sum_of_converted_maps(images):
    net, composition = composed()
    nets = [net, shaken(net), shaken(net)]
    for converter in composition.converters:
        nn.init.normal_(converter.weight), nn.init.normal_(converter.bias)
    composition.eval()
    total = 0
    for one, converter in zip(nets, composition.converters, strict=True):
        backbone = one.eval().backbone
        x = backbone.stages[1](backbone.stages[0](backbone.stem(images)))
        weight = converter.weight[:, :, 0, 0]
        total = total + torch.einsum("oc,bchw->bohw", weight, x) + converter.bias[:, None, None]
    after = composition.decision.backbone
    last = F.leaky_relu(after.norm(after.stages[2](total)), 0.1)
    logits, feature = composition([feature_map(n, composition.layer, images) for n in nets])
    torch.testing.assert_close(feature, last.mean((2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits, composition.decode_head([last]).flatten(1))


def test_sources_are_frozen_and_keep_their_mode(images):
    net, composition = composed()
    net.train()
    before = copy.deepcopy(net.state_dict())
    whole = ComposedNetwork([net] * 3, composition)
    whole.decode_head(whole.extract_feat(images)).sum().backward()
    assert net.training and all(module.training for module in net.modules())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is None for p in net.parameters())
    assert all(p.grad is not None for p in composition.parameters())
    assert not any("sources" in name for name in whole.state_dict())


def test_the_rest_of_a_network_does_not_run(images):
    net, composition = composed()
    net.backbone.stages[2] = None  # would fail
    assert feature_map(net, composition.layer, images).shape == (2, 32, 16, 16)
    assert not net.backbone.stages[1]._forward_hooks


def test_begin_takes_the_weights():
    net, composition = composed(CONV)
    other = shaken(net)
    nn.init.normal_(composition.converters[1].weight)
    composition.begin(other)
    for name, value in composition.decision.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])
    weights = [converter.weight[:, :, 0, 0] for converter in composition.converters]
    torch.testing.assert_close(sum(weights), torch.eye(256))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (["stages.0", "stages.1"], "model.feature_part .*up to backbone.stages.1"),
        (
            ["stem", "stages.0", "stages.1", "norm"],
            "model.channels to be 64.*backbone.norm.*got 32",
        ),
        (["stem", "stages.2", "stages.1"], "model.feature_part .*up to backbone.stages.1"),
    ],
)
def test_a_feature_part_that_is_not_whole(part, message):
    net = network(WIDE[0], 64)
    composition = Composition(net, [f"backbone.{p}" for p in part], 32)
    with pytest.raises(ValueError, match=message):
        composition.check(net)


def test_what_cannot_be():
    net = network(WIDE[0], 64)
    with pytest.raises(ValueError, match="model.feature_part .*got 'backbone.stage'"):
        Composition(net, ["backbone.stage"], 32)
    for part, channels, sources in (
        ([], 32, 3),
        (["backbone.stem"], 0, 3),
        (["backbone.stem"], 1, 0),
    ):
        with pytest.raises(ValueError, match="1 or more networks, channels and submodules"):
            Composition(net, part, channels, sources)
