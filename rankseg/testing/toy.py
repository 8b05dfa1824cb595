# SPDX-License-Identifier: Apache-2.0
"""Network and batches small enough to train in a unit test."""

import rankseg.models  # noqa: F401, before mmseg, which may need missing operators of torchvision

# isort: split
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.backbones.resnet import BasicBlock, ResNet
from mmseg.structures import SegDataSample
from torch import Tensor

from rankseg.structures import LABELED, TWIN, WEAK, mix, strong

COMPOSED = dict(  # split point for composed networks of these configs: after stage three of four
    feature_part=[f"backbone.{name}" for name in ("stem", "maxpool", "layer1", "layer2", "layer3")],
    channels=32,
)

DEPTH = 10
ResNet.arch_settings.setdefault(DEPTH, (BasicBlock, (1, 1, 1, 1)))  # known where this is imported

NARROW = {  # options that give the DeepLabv3+ of a config the size of the toy network
    "model.student.backbone.depth": DEPTH,
    "model.student.backbone.stem_channels": 8,
    "model.student.backbone.base_channels": 8,
    "model.student.decode_head.in_channels": 64,
    "model.student.decode_head.channels": 16,
    "model.student.decode_head.c1_in_channels": 8,
    "model.student.decode_head.c1_channels": 8,
}


def toy_student(num_classes: int = 3, depth: int = DEPTH) -> ConfigDict:
    """Build the config of a DeepLabv3+ with 8 to 64 channels and stride 16.

    Each stage of its ResNet has one block. Programs that do not import this module only know deeper
    ones, such as 18.
    """
    return ConfigDict(
        type="EncoderDecoder",
        backbone=dict(
            type="ResNetV1c",
            depth=depth,
            base_channels=8,
            stem_channels=8,
            strides=(1, 2, 2, 1),
            dilations=(1, 1, 1, 2),
            contract_dilation=True,
            norm_cfg=dict(type="BN"),
        ),
        decode_head=dict(
            type="DeepLabV3PlusHead",
            in_channels=64,
            channels=16,
            c1_in_channels=8,
            c1_channels=8,
            num_classes=num_classes,
            norm_cfg=dict(type="BN"),
            loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
        ),
        test_cfg=dict(mode="whole"),
    )


def toy_classifier(num_classes: int = 3) -> ConfigDict:
    """Build the same backbone with an image-level head, a projection and a second output."""
    student = toy_student(num_classes)
    student.decode_head = ConfigDict(
        type="ImageLevelHead",
        in_channels=64,
        num_classes=num_classes,
        branches=dict(
            projection=dict(type="Projector", hidden_channels=16, out_channels=8),
            consistency=dict(type="Projector", out_channels=num_classes, layers=1, normalize=False),
        ),
    )
    return student


def toy_embedder(channels: int = 8) -> ConfigDict:
    """Build the config of the same backbone with an embedding head."""
    student = toy_student()
    student.decode_head = ConfigDict(type="EmbeddingHead", in_channels=64, channels=channels)
    return student


def toy_images(count: int, size: int, num_classes: int) -> tuple[Tensor, Tensor]:
    """Draw images of colored squares, whose class is the amount of their first color.

    Returns:
        ``(count, 3, size, size)`` float and ``(count, size, size)`` int64.
    """
    squares = torch.rand(count, 3, -(-size // 8), -(-size // 8))
    squares = squares.repeat_interleave(8, 2).repeat_interleave(8, 3)[..., :size, :size]
    return 4 * (squares - 0.5), (squares[:, 0] * num_classes).long()


def toy_batch(
    labeled: int = 2, unlabeled: int = 2, size: int = 33, num_classes: int = 3, mixed: bool = False
) -> tuple[dict[str, Tensor], dict[str, list]]:
    """Draw a batch for the ``loss`` of a method, with ``mixed`` of two crops.

    Two rows of every label are ignored, and two columns of every unlabeled image are padding.
    """
    images, labels = toy_images(labeled, size, num_classes)
    labels[:, :2] = 255
    inputs, samples = {LABELED: images}, {LABELED: _samples("gt_sem_seg", labels)}
    valid = torch.ones(unlabeled, size, size, dtype=torch.bool)
    valid[..., -2:] = False
    for name in [str, mix] if mixed else [str]:
        inputs[name(WEAK)], _ = toy_images(unlabeled, size, num_classes)
        samples[name(WEAK)] = _samples("valid", valid)
        for view in (strong(1), strong(2)):
            inputs[name(view)] = inputs[name(WEAK)] + 0.5 * torch.randn(unlabeled, 3, size, size)
    return inputs, samples


def toy_class_batch(
    labeled: int = 4,
    unlabeled: int = 4,
    size: int = 33,
    num_classes: int = 3,
    twin: bool = False,
    crops: int = 0,
) -> tuple[dict[str, Tensor], dict[str, list]]:
    """Draw a batch for the ``loss`` of a classification method: one color per image, labels of 1x1.

    The class is the amount of the first color. The truth of the unlabeled images is known. Labeled
    and unlabeled images are numbered from 0.
    """
    inputs, samples = {}, {}
    for view, count in ((LABELED, labeled), (WEAK, unlabeled)):
        colors = torch.rand(count, 3, 1, 1)
        inputs[view] = 4 * (colors - 0.5) + 0.2 * torch.randn(count, 3, size, size)
        samples[view] = _samples("gt_sem_seg", (colors[:, 0] * num_classes).long())
        for index, sample in enumerate(samples[view]):
            sample.set_metainfo({"sample_idx": index})
            sample.set_data({"valid": PixelData(data=torch.ones(1, 1, 1, dtype=torch.bool))})
    inputs[strong(1)] = inputs[WEAK] + 0.5 * torch.randn(unlabeled, 3, size, size)
    if twin:
        inputs[TWIN] = inputs[LABELED] + 0.5 * torch.randn(labeled, 3, size, size)
    for number in range(crops):
        inputs[strong(2 + number)] = inputs[WEAK] + 0.5 * torch.randn(unlabeled, 3, size, size)
    return inputs, samples


def toy_pair_batch(
    count: int = 4, size: int = 33, num_classes: int = 3, matched: int = 0
) -> tuple[dict[str, Tensor], dict[str, list]]:
    """Draw a batch for the ``loss`` of a method on pairs of views: labeled images with a twin.

    The second views are the mirrored first views; the samples hold this map. The first ``matched``
    pairs have two keypoints, the others none; with 0 no sample has any.
    """
    inputs, samples = toy_class_batch(count, 1, size, num_classes)
    inputs = {LABELED: inputs[LABELED], TWIN: inputs[LABELED].flip(3)}
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))[None]
    for i, sample in enumerate(samples[LABELED]):
        sample.set_data({"homography": PixelData(data=mirror.clone())})
        if matched:
            points = torch.full((1, 3, 4), torch.nan)
            points[0, : 2 * (i < matched)] = torch.tensor([0.3, -0.2, -0.3, -0.2])
            sample.set_data({"keypoints": PixelData(data=points)})
    return inputs, {LABELED: samples[LABELED]}


def toy_attention_embedder(channels: int = 8) -> ConfigDict:
    """Build the config of :func:`toy_embedder` with an attention module after the backbone."""
    student = toy_embedder(channels)
    student.neck = ConfigDict(type="CBAM", in_channels=64)
    return student


def _samples(key: str, maps: Tensor) -> list[SegDataSample]:
    """Wrap each map in a sample under ``key``."""
    samples = [SegDataSample() for _ in maps]
    for sample, data in zip(samples, maps, strict=True):
        sample.set_data({key: PixelData(data=data[None].clone())})
    return samples
