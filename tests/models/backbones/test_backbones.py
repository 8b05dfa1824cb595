# SPDX-License-Identifier: Apache-2.0
"""What all students of images share: size, maps, initialisation, copies."""

import copy

import pytest
import torch
from mmengine.registry import DefaultScope

from rankseg.registry import MODELS

WIDE = dict(type="WideResNet")
NETWORKS = [
    # published with these classifiers; the last two are torchvision's
    (WIDE | dict(depth=28, width=2), dict(in_channels=128, num_classes=10), 1_467_610),
    (WIDE | dict(depth=28, width=8), dict(in_channels=512, num_classes=100), 23_401_012),
    (
        dict(type="ConvNet13"),
        dict(in_channels=128, num_classes=10, weight_norm=True),
        3_125_908,
    ),
    (
        dict(type="CifarResNet", depth=18),
        dict(in_channels=512, num_classes=10),
        11_689_512 - 513_000 + 5_130 - 3 * 64 * (49 - 9),
    ),
    (dict(type="ResNet", depth=50), dict(in_channels=2048, num_classes=1000), 25_557_032),
]
SMALL = [
    (WIDE | dict(depth=10, width=1), dict(in_channels=64), [(16, 32), (32, 16), (64, 8)]),
    (
        dict(type="ConvNet13"),
        dict(in_channels=128, weight_norm=True),
        [(128, 16), (256, 8), (128, 6)],
    ),
    (
        dict(type="CifarResNet", depth=18, base_channels=8, stem_channels=8),
        dict(in_channels=64),
        [(8, 32), (16, 16), (32, 8), (64, 4)],
    ),
]


def classifier(backbone: dict, head: dict):
    with DefaultScope.overwrite_default_scope("rankseg"):
        return MODELS.build(
            dict(
                type="EncoderDecoder",
                backbone=backbone,
                decode_head=dict(type="ImageLevelHead", num_classes=10) | head,
                test_cfg=dict(mode="whole"),
            )
        )


@pytest.mark.parametrize(("backbone", "head", "parameters"), NETWORKS)
def test_parameter_counts_of_the_papers(backbone, head, parameters):
    with torch.device("meta"):
        model = classifier(backbone, head)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize(("backbone", "head", "maps"), SMALL)
def test_maps_gradients_and_copies(backbone, head, maps):
    torch.manual_seed(0)
    model = classifier(backbone, head)
    model.init_weights()
    images = torch.randn(2, 3, 32, 32)
    features = model.extract_feat(images)
    assert [(f.shape[1], f.shape[2]) for f in features] == maps
    model.decode_head(features)[:, 0].sum().backward()
    if backbone["type"] != "CifarResNet":  # whose blocks start as the identity
        assert all(
            p.grad is not None and p.grad.abs().sum() > 0 for p in model.backbone.parameters()
        )
    twin = copy.deepcopy(model).eval()  # what a teacher is
    with torch.no_grad():
        assert torch.equal(twin(images), model.eval()(images))
        assert twin(images[:1]).shape == (1, 10, 1, 1)
