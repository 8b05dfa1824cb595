# SPDX-License-Identifier: Apache-2.0
"""The converter against a tiny network of its own with the names of the released one."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.models.backbones import ResNetV1c
from torch import nn
from torch.nn import functional as F

from rankseg.models.pretrained import read_state
from rankseg.registry import MODELS

SCRIPT = Path(__file__).parents[2] / "tools" / "model_converters" / "unimatch.py"
CHANNELS, CLASSES = 16, 5


def unit(inputs: int, outputs: int, kernel: int = 1, rate: int = 1) -> list[nn.Module]:
    pad = rate * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, padding=pad, dilation=rate, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


class Theirs(nn.Module):
    """Names of the released network: head.b0 .. b4, head.project, reduce, fuse, classifier."""

    def __init__(self, top: int, low: int) -> None:
        super().__init__()
        self.head = nn.ModuleDict(
            {
                "b0": nn.Sequential(*unit(top, CHANNELS)),
                "b1": nn.Sequential(*unit(top, CHANNELS, 3, 6)),
                "b2": nn.Sequential(*unit(top, CHANNELS, 3, 12)),
                "b3": nn.Sequential(*unit(top, CHANNELS, 3, 18)),
                "b4": nn.ModuleDict(
                    {"gap": nn.Sequential(nn.AdaptiveAvgPool2d(1), *unit(top, CHANNELS))}
                ),
                "project": nn.Sequential(*unit(5 * CHANNELS, CHANNELS)),
            }
        )
        self.reduce = nn.Sequential(*unit(low, 48))
        self.fuse = nn.Sequential(*unit(CHANNELS + 48, CHANNELS, 3), *unit(CHANNELS, CHANNELS, 3))
        self.classifier = nn.Conv2d(CHANNELS, CLASSES, 1)

    def forward(self, low, top, size):
        def up(x, to):
            return F.interpolate(x, to, mode="bilinear", align_corners=True)

        branches = [self.head[b](top) for b in ("b0", "b1", "b2", "b3")]
        branches.append(up(self.head["b4"]["gap"](top), top.shape[2:]))
        x = up(self.head["project"](torch.cat(branches, 1)), low.shape[2:])
        return up(self.classifier(self.fuse(torch.cat([self.reduce(low), x], 1))), size)


def shake(model: nn.Module) -> nn.Module:
    """Random weights and running statistics, so that no two tensors are alike."""
    torch.manual_seed(3)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn_like(tensor) / 10
            tensor.copy_(noise.abs() + 0.1 if "running_var" in name else noise)
    model.eval()
    return model


def resnet() -> ResNetV1c:
    return ResNetV1c(
        depth=50,
        stem_channels=16,
        base_channels=4,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        contract_dilation=True,
    )


@pytest.fixture(scope="module")
def released():
    """Backbone, head, and the checkpoint that their training script would have written."""
    backbone, head = shake(resnet()), shake(Theirs(top=128, low=16))
    state = {}
    for name, tensor in backbone.state_dict().items():
        name = name.replace("stem.7.", "bn1.").replace("stem.", "conv1.")
        state[f"module.backbone.{name}"] = tensor
    state |= {f"module.{k}": v for k, v in head.state_dict().items()}
    return backbone, head, {"model": state, "epoch": 79, "previous_best": np.float64(75.0)}


def run(monkeypatch, *arguments) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")


def ours() -> nn.Module:
    sizes = {"in_channels": 128, "channels": CHANNELS, "c1_in_channels": 16}
    loss = {"type": "mmseg.CrossEntropyLoss"}
    head = {"type": "DeepLabV3PlusHead", "num_classes": CLASSES, "loss_decode": loss, **sizes}
    with DefaultScope.overwrite_default_scope("rankseg"):
        model = MODELS.build(
            {
                "type": "EncoderDecoder",
                "backbone": {
                    "type": "ResNetV1c",
                    "depth": 50,
                    "stem_channels": 16,
                    "base_channels": 4,
                    "strides": (1, 2, 2, 1),
                    "dilations": (1, 1, 1, 2),
                    "contract_dilation": True,
                },
                "decode_head": head,
            }
        )
    return model.eval()


def test_logits_agree(tmp_path, monkeypatch, released):
    backbone, head, checkpoint = released
    torch.save(checkpoint, tmp_path / "best.pth")
    run(monkeypatch, tmp_path / "best.pth", tmp_path / "out" / "ours.pth")
    model = ours()
    model.load_state_dict(read_state(tmp_path / "out" / "ours.pth"), strict=True)
    image = torch.randn(2, 3, 97, 113)
    with torch.no_grad():
        low, *_, top = backbone(image)
        expected = head(low, top, (97, 113))
        logits = model.encode_decode(image, [{"img_shape": (97, 113)}])
    assert expected.std() > 0.01
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)


def test_foreign_names_are_refused(tmp_path, monkeypatch, released, capsys):
    checkpoint = {"model": {**released[2]["model"], "module.mask_token": torch.ones(1)}}
    torch.save(checkpoint, tmp_path / "v2.pth")
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path / "v2.pth", tmp_path / "ours.pth")
    assert "mask_token is no part of UniMatch's DeepLabv3+" in capsys.readouterr().err
    assert not (tmp_path / "ours.pth").exists()


def test_an_existing_file_is_kept(tmp_path, monkeypatch, released, capsys):
    (tmp_path / "ours.pth").write_text("precious")
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path / "best.pth", tmp_path / "ours.pth")
    assert "exists: remove it" in capsys.readouterr().err
    assert (tmp_path / "ours.pth").read_text() == "precious"
