# SPDX-License-Identifier: Apache-2.0
"""Tensor names of the released UniMatch and RankMatch checkpoints and of ours.

Both released models are the DeepLabv3+ of UniMatch's first repository on a ResNet-50 or 101 with a
deep stem. The tensors are the same as ours, only the names differ.
"""

import re

import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from rankseg.models.weights.finite import check_numbers
from rankseg.models.weights.pretrained import describe_mismatch
from rankseg.registry import MODELS

# Pairs of name prefixes (theirs, ours) that differ. A digit matches only itself.
PARTS = [
    ("backbone.conv1.", "backbone.stem."),
    ("backbone.bn1.", "backbone.stem.7."),
    ("head.b0.", "decode_head.aspp.point."),
    ("head.b1.", "decode_head.aspp.dilated.0."),
    ("head.b2.", "decode_head.aspp.dilated.1."),
    ("head.b3.", "decode_head.aspp.dilated.2."),
    ("head.b4.gap.1.", "decode_head.aspp.pool.0."),
    ("head.b4.gap.2.", "decode_head.aspp.pool.1."),
    ("head.project.", "decode_head.bottleneck."),
    ("reduce.", "decode_head.reduce."),
    ("fuse.0.", "decode_head.fuse.0.0."),
    ("fuse.1.", "decode_head.fuse.0.1."),
    ("fuse.3.", "decode_head.fuse.1.0."),
    ("fuse.4.", "decode_head.fuse.1.1."),
    ("classifier.", "decode_head.conv_seg."),
]
SAME = re.compile(r"backbone\.layer[1-4]\.")
DEPTHS = {6: 50, 23: 101}  # depth by number of blocks in the third stage
THEIRS = "UniMatch's DeepLabv3+ on a ResNet-50 or 101"


def to_ours(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a released checkpoint, without ``module.``, to our names."""
    pairs = sorted(PARTS)
    ours = {_rename(name, pairs, "unknown"): state[name] for name in state}
    check_network(ours)
    return ours


def to_theirs(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of one of our segmentors to the released names."""
    check_network(state)
    # In reverse order, the prefix of the stem's last part is tried before the shorter prefix of the
    # stem.
    pairs = sorted(((ours, theirs) for theirs, ours in PARTS), reverse=True)
    return {_rename(name, pairs, "not part of it"): state[name] for name in state}


def _rename(name: str, pairs: list[tuple[str, str]], reason: str) -> str:
    if SAME.match(name):
        return name
    for old, new in pairs:
        if name.startswith(old):
            return new + name[len(old) :]
    raise ValueError(
        f"Expected only tensors of {THEIRS}, but got {name}, which is {reason}. Networks on an "
        "Xception and those of UniMatch V2 cannot be converted."
    )


def released_student(depth: int, num_classes: int, width: int = 64) -> dict:
    """Return our config of their network: output stride 16, dilation rates 6, 12, 18.

    ``width`` are the channels of the first stage inside a block; all others follow from it.
    """
    return dict(
        type="EncoderDecoder",
        backbone=dict(
            type="ResNetV1c",
            depth=depth,
            stem_channels=2 * width,
            base_channels=width,
            strides=(1, 2, 2, 1),
            dilations=(1, 1, 1, 2),
            contract_dilation=True,
        ),
        decode_head=dict(
            type="DeepLabV3PlusHead",
            in_channels=32 * width,
            channels=4 * width,
            c1_in_channels=4 * width,
            c1_channels=48,
            dilations=(6, 12, 18),
            num_classes=num_classes,
            loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
        ),
    )


def check_network(state: dict[str, Tensor]) -> tuple[int, int]:
    """Check every shape of a state dict with our names; return its depth and number of classes."""
    depth, classes, width = _sizes(state)
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        network = MODELS.build(released_student(depth, classes, width))
    own = network.state_dict()
    message = describe_mismatch(own, state)
    if message:
        raise ValueError(
            f"Expected {THEIRS}, but got a network of {depth} layers and {classes} classes with "
            f"other tensors: {message}"
        )
    check_numbers(state, own)
    return depth, classes


def _sizes(state: dict[str, Tensor]) -> tuple[int, int, int]:
    """Return depth, number of classes and width, see :func:`check_network`."""
    needed = ("backbone.layer1.0.conv1.weight", "decode_head.conv_seg.weight")
    lacking = [name for name in needed if name not in state or state[name].ndim != 4]
    if lacking:
        raise ValueError(f"Expected {THEIRS}, but {' and '.join(lacking)} is missing.")
    blocks = {name.split(".")[2] for name in state if name.startswith("backbone.layer3.")}
    bottleneck = "backbone.layer3.0.conv3.weight" in state
    if len(blocks) not in DEPTHS or not bottleneck:
        kind = "of three convolutions" if bottleneck else "of two convolutions"
        raise ValueError(
            f"Expected {THEIRS}, whose third stage has 6 or 23 blocks of three convolutions, but "
            f"got {len(blocks)} blocks {kind}."
        )
    width, classes = (len(state[name]) for name in needed)
    return DEPTHS[len(blocks)], classes, width
