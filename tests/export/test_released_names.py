# SPDX-License-Identifier: Apache-2.0
"""Names of the released network against a reference written from its description."""

from itertools import count

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn
from torch.nn import functional as F

from rankseg.export.released_names import PARTS, check_network, released_student, to_ours, to_theirs
from rankseg.registry import MODELS
from rankseg.testing.random_run import shake

WIDTH = 4  # a sixteenth of the released network


def unit(inputs: int, outputs: int, kernel: int = 1, rate: int = 1, stride: int = 1) -> list:
    pad = rate * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, dilation=rate, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


class Block(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, rate: int, first: bool) -> None:
        super().__init__()
        self.conv1, self.bn1, _ = unit(inputs, width)
        self.conv2, self.bn2, _ = unit(width, width, 3, rate, stride)
        self.conv3, self.bn3, _ = unit(width, 4 * width)
        self.downsample = (
            nn.Sequential(*unit(inputs, 4 * width, stride=stride)[:2]) if first else None
        )

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        return (self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample else x)).relu()


class Released(nn.Module):
    """Deep stem, stages of stride 4, 8, 16, 16 (the last dilated by 2 from its second block on),
    ASPP of rates 6, 12, 18, and the decoder of DeepLabv3+, all resizing with aligned corners."""

    def __init__(self, third: int = 6, classes: int = 5, w: int = WIDTH) -> None:
        super().__init__()
        stem = [*unit(3, w, 3, stride=2), *unit(w, w, 3), unit(w, 2 * w, 3)[0]]
        self.backbone = nn.ModuleDict({"conv1": nn.Sequential(*stem), "bn1": nn.BatchNorm2d(2 * w)})
        inputs = 2 * w
        for stage, blocks, scale in zip(count(1), (3, 4, third, 3), (1, 2, 4, 8), strict=False):
            stride, rate = (1, 1) if stage == 1 else (2, 1) if stage < 4 else (1, 2)
            chain = nn.Sequential()
            for i in range(blocks):
                step = (stride, 1) if i == 0 else (1, rate)
                chain.append(Block(inputs, scale * w, *step, first=i == 0))
                inputs = 4 * scale * w
            self.backbone[f"layer{stage}"] = chain
        c = 4 * w
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), *unit(inputs, c))
        self.head = nn.ModuleDict(
            {
                "b0": nn.Sequential(*unit(inputs, c)),
                **{f"b{i}": nn.Sequential(*unit(inputs, c, 3, 6 * i)) for i in (1, 2, 3)},
                "b4": nn.ModuleDict({"gap": pool}),
                "project": nn.Sequential(*unit(5 * c, c)),
            }
        )
        self.reduce = nn.Sequential(*unit(c, 48))
        self.fuse = nn.Sequential(*unit(c + 48, c, 3), *unit(c, c, 3))
        self.classifier = nn.Conv2d(c, classes, 1)

    def forward(self, image):
        def up(x, like):
            return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)

        x = self.backbone["bn1"](self.backbone["conv1"](image)).relu()
        low = self.backbone["layer1"](F.max_pool2d(x, 3, 2, 1))
        top = low
        for stage in (2, 3, 4):
            top = self.backbone[f"layer{stage}"](top)
        branches = [self.head[f"b{i}"](top) for i in range(4)]
        branches.append(up(self.head["b4"]["gap"](top), top))
        x = torch.cat([self.reduce(low), up(self.head["project"](torch.cat(branches, 1)), low)], 1)
        return up(self.classifier(self.fuse(x)), image)


def ours(depth: int, classes: int) -> nn.Module:
    with DefaultScope.overwrite_default_scope("rankseg"):
        return MODELS.build(released_student(depth, classes, WIDTH)).eval()


@pytest.mark.parametrize(("depth", "third", "classes"), [(50, 6, 21), (101, 23, 2)])
@torch.no_grad()
def test_logits_agree_both_ways(depth, third, classes):
    theirs = shake(Released(third, classes))
    state = to_ours(theirs.state_dict())
    model = ours(depth, classes)
    model.load_state_dict(state, strict=True)
    image = torch.randn(2, 3, 65, 81)
    expected = theirs(image)
    logits = model.encode_decode(image, [{"img_shape": (65, 81)}])
    assert expected.std() > 0.05
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)
    assert check_network(state) == (depth, classes)

    shake(model, seed=1)  # as if trained on
    back = Released(third, classes).eval()
    back.load_state_dict(to_theirs(model.state_dict()), strict=True)
    logits = model.encode_decode(image, [{"img_shape": (65, 81)}])
    torch.testing.assert_close(back(image), logits, rtol=0, atol=1e-4)


def test_there_and_back_is_the_same():
    state = shake(Released()).state_dict()
    back = to_theirs(to_ours(state))
    assert list(back) == list(state)
    assert all(back[name] is state[name] for name in state)
    assert len({theirs for theirs, _ in PARTS}) == len({own for _, own in PARTS}) == len(PARTS)


def broken(**changes: torch.Tensor | None) -> dict[str, torch.Tensor]:
    state = {**Released().state_dict(), **changes}
    return {name: tensor for name, tensor in state.items() if tensor is not None}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            lambda: broken(mask_token=torch.ones(1)),
            "of UniMatch's DeepLab.* got mask_token, which is unknown",
        ),
        (
            lambda: broken(**{"fuse.3.weight": None}),
            r"missing in the file \(1\): .*fuse.1.0.weight",
        ),
        (
            lambda: broken(**{"fuse.1.weight": torch.ones(7)}),
            r"shapes \(1\): decode_head.fuse.0.1.weight is \(7,\), expected \(16,\)",
        ),
        (
            lambda: broken(**{"backbone.layer3.6.bn1.bias": torch.ones(1)}),
            "third stage.* got 7 blocks",
        ),
        (lambda: broken(**{"classifier.weight": None}), "decode_head.conv_seg.weight is missing"),
        (lambda: broken(**{"backbone.layer3.0.conv3.weight": None}), "6 blocks of two convolution"),
    ],
)
def test_raises_on_other_networks(state, message):
    with pytest.raises(ValueError, match=message):
        to_ours(state())


def test_old_files_lack_counters():
    state = Released().state_dict()
    old = {name: tensor for name, tensor in state.items() if "num_batches" not in name}
    assert len(to_ours(old)) == len(old) < len(state)


def test_another_network_of_ours_has_no_name_there():
    state = to_ours(Released().state_dict())
    with pytest.raises(ValueError, match=r"unknown to the model \(1\): decode_head.projection"):
        to_theirs({**state, "decode_head.projection": torch.ones(1)})
