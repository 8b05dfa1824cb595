# SPDX-License-Identifier: Apache-2.0
"""A network and batches small enough to train in a unit test."""

import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from rankseg.structures import LABELED, WEAK, mix, strong


def toy_student(num_classes: int = 3) -> ConfigDict:
    """Config of a DeepLabv3+ with 8 to 64 channels, stride 16."""
    return ConfigDict(
        type="EncoderDecoder",
        backbone=dict(
            type="ResNetV1c",
            depth=18,
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


def toy_samples(count: int, size: int, num_classes: int, labeled: bool) -> list[SegDataSample]:
    """Samples with random labels, or with a valid map that leaves out the last two columns."""
    samples = []
    for _ in range(count):
        sample = SegDataSample()
        if labeled:
            label = torch.randint(num_classes, (1, size, size))
            label[:, :2] = 255
            sample.set_data({"gt_sem_seg": PixelData(data=label)})
        else:
            valid = torch.ones(1, size, size, dtype=torch.bool)
            valid[..., -2:] = False
            sample.set_data({"valid": PixelData(data=valid)})
        samples.append(sample)
    return samples


def toy_batch(
    labeled: int = 2, unlabeled: int = 2, size: int = 33, num_classes: int = 3, mixed: bool = False
) -> tuple[dict[str, Tensor], dict[str, list]]:
    """What a method's ``loss`` receives, random.

    Args:
        labeled: Labelled images.
        unlabeled: Unlabelled images.
        size: Crop in pixels.
        num_classes: Classes in the labels.
        mixed: Add the views of a second crop (``mix_source="same"``).
    """
    inputs = {LABELED: torch.randn(labeled, 3, size, size)}
    samples = {LABELED: toy_samples(labeled, size, num_classes, True)}
    views = [WEAK, strong(1), strong(2)]
    for view in views + ([mix(view) for view in views] if mixed else []):
        inputs[view] = torch.randn(unlabeled, 3, size, size)
    for view in (WEAK, mix(WEAK)):
        if view in inputs:
            samples[view] = toy_samples(unlabeled, size, num_classes, False)
    return inputs, samples
