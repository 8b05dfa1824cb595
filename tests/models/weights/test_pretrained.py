# SPDX-License-Identifier: Apache-2.0
import re

import numpy as np
import pytest
import torch
from mmseg.models.backbones import ResNet, ResNetV1c

from rankseg.models.weights.pretrained import load_backbone, read_state


def deep_stem(seed: int = 0) -> ResNetV1c:
    torch.manual_seed(seed)
    return ResNetV1c(depth=18, stem_channels=16, base_channels=8)


def field_names(state: dict) -> dict:
    """Names of the deep-stem ImageNet files: conv1.0 to conv1.6, then bn1."""

    def rename(name: str) -> str:
        name = re.sub(r"^stem\.7\.", "bn1.", name)
        return re.sub(r"^stem\.", "conv1.", name)

    return {rename(k): v for k, v in state.items()}


def whole_model(state: dict) -> dict:
    backbone = {f"backbone.{k}": v for k, v in state.items()}
    return {"state_dict": {**backbone, "head.fc.bias": torch.ones(3)}, "meta": {"epoch": 3}}


def method(state: dict) -> dict:
    student = {f"student.backbone.{k}": v for k, v in state.items()}
    teacher = {f"teacher.module.backbone.{k}": 2 * v for k, v in state.items()}
    memory = {"memory.feature": torch.ones(2), "student.decode_head.conv_seg.bias": torch.ones(3)}
    return {"state_dict": {**teacher, **memory, **student}}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        field_names,
        lambda s: {**field_names(s), "fc.weight": torch.ones(3, 2), "fc.bias": torch.ones(3)},
        lambda s: {"model": {f"module.backbone.{k}": v for k, v in field_names(s).items()}},
        whole_model,
        method,
        lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
        lambda s: {"model": s, "previous_best": np.float64(71.6)},
    ],
    ids=[
        *("mmseg", "deep stem", "classifier", "distributed", "whole model", "method"),
        *("no counters", "score"),
    ],
)
def test_all_spellings_give_the_same_weights(tmp_path, wrap):
    source, target = deep_stem(0), deep_stem(1)
    assert not same(source.state_dict(), target.state_dict())
    torch.save(wrap(source.state_dict()), tmp_path / "weights.pth")
    load_backbone(target, tmp_path / "weights.pth")
    assert same(source.state_dict(), target.state_dict())


def test_torchvision_names_fit_the_plain_resnet(tmp_path):
    source, target = (ResNet(18, base_channels=8, stem_channels=8) for _ in range(2))
    torch.nn.init.constant_(source.conv1.weight, 0.5)
    torch.save({**source.state_dict(), "fc.bias": torch.ones(1000)}, tmp_path / "weights.pth")
    load_backbone(target, tmp_path / "weights.pth")
    assert target.conv1.weight.eq(0.5).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda s: s.pop("layer3.0.conv1.weight"),
            r"missing in the file \(1\): layer3.0.conv1.weight",
        ),
        (lambda s: s.update(extra=torch.ones(1)), r"unknown to the model \(1\): extra"),
        (
            lambda s: s.update({"layer1.0.bn1.bias": torch.ones(5)}),
            r"layer1.0.bn1.bias is \(5,\), expected \(8,\)",
        ),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(tmp_path, spoil, message):
    state = deep_stem(0).state_dict()
    spoil(state)
    torch.save(state, tmp_path / "weights.pth")
    target = deep_stem(1)
    with pytest.raises(ValueError, match=message):
        load_backbone(target, tmp_path / "weights.pth")
    assert same(target.state_dict(), deep_stem(1).state_dict())


def test_torchvision_file_in_a_deep_stem_names_the_cure(tmp_path):
    torch.save(ResNet(18, base_channels=8, stem_channels=8).state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(ValueError, match="match ResNetV1c, .*resnet.pth.*backbone type 'ResNet'"):
        load_backbone(deep_stem(), tmp_path / "resnet.pth")


def test_missing_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="nowhere.pth, but there is no such file.*pretrained=None"
    ):
        load_backbone(deep_stem(), tmp_path / "nowhere.pth")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"<html>404</html>" * 99])
def test_a_file_that_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="weights.pth is damaged or not a checkpoint"):
        read_state(path)


def test_a_file_that_would_run_code(tmp_path):
    torch.save(deep_stem(), tmp_path / "module.pth")
    with pytest.raises(ValueError, match="module.pth holds more than data"):
        read_state(tmp_path / "module.pth")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"state_dict": {"a": 1}}])
def test_a_file_without_tensors(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match="weights.pth .*has no tensors"):
        read_state(tmp_path / "weights.pth")
