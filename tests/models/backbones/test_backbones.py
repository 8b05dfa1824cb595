# SPDX-License-Identifier: Apache-2.0
"""What all students of images share: size, maps, initialisation, copies."""

import copy

import pytest
import torch
from mmengine.registry import DefaultScope

from rankseg.registry import MODELS

WIDE = dict(type="WideResNet")
SHAKE = dict(type="ShakeShakeNet", depth=26)
PROJECTOR = dict(
    type="Projector", hidden_channels=4096, out_channels=512, norm=True, normalize=False
)


def shake_shake(width: int) -> int:
    """Parameters of ResNet-26 2xWd with ten classes, layer by layer."""

    def branches(before: int, channels: int) -> int:
        return 2 * (9 * before * channels + 9 * channels**2 + 2 * 2 * channels)

    total, before = 27 * 16 + 2 * 16, 16
    for channels in (width, 2 * width, 4 * width):
        total += before * channels + 2 * channels  # shortcut: each half sees all of a map
        total += branches(before, channels) + 3 * branches(channels, channels)
        before = channels
    return total + 10 * before + 10


NETWORKS = [
    # published with these classifiers; CifarResNet and ResNet are torchvision's
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
    # 2.9, 11.7 and 26.2 million in the paper; the exact numbers are those of its layers
    *[
        (SHAKE | dict(width=w, original=True), dict(in_channels=4 * w, num_classes=10), count)
        for w, count in ((32, shake_shake(32)), (64, shake_shake(64)), (96, shake_shake(96)))
    ],
    # Mean Teacher's: no batch norm in the stem, biases in the shortcuts that halve a map
    (
        SHAKE | dict(width=96),
        dict(in_channels=384, num_classes=10),
        shake_shake(96) - 2 * 16 + 2 * 96 + 4 * 96,
    ),
    # the projector of CMSF beside the classifier
    (
        dict(type="ResNet", depth=50),
        dict(in_channels=2048, num_classes=1000, branches=dict(projection=PROJECTOR)),
        25_557_032 + (2048 + 1) * 4096 + 2 * 4096 + (4096 + 1) * 512,
    ),
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
    (SHAKE | dict(depth=8, width=16), dict(in_channels=64), [(16, 32), (32, 16), (64, 8)]),
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


def test_shake_shake_has_the_millions_of_its_paper():
    assert [round(shake_shake(width) / 1e6, 1) for width in (32, 64, 96)] == [2.9, 11.7, 26.2]
