# SPDX-License-Identifier: Apache-2.0
"""ONNX files, run by onnxruntime on sizes that the export has not seen."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rankseg.apis import export_onnx, load_config
from rankseg.inference.load import load_trained, logits_of
from rankseg.testing.random_run import CLASSES, MEAN, STD, random_run
from rankseg.testing.toy import toy_classifier, toy_student

onnxruntime = pytest.importorskip("onnxruntime")
MODULE = importlib.import_module("rankseg.export.onnx")
SIZES = [(1, 33, 200), (4, 48, 47), (2, 129, 65)]


def session(path: Path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def photos(number: int, height: int, width: int) -> torch.Tensor:
    size = (number, 3, height, width)
    return torch.randint(0, 256, size, dtype=torch.uint8)


def test_logits_of_any_batch_and_size(tmp_path):
    config, checkpoint = random_run(tmp_path, toy_student(depth=18).to_dict())
    cfg = load_config(str(config))
    result = export_onnx(cfg, str(checkpoint), tmp_path / "model.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "toy.pth", "toy.py"]
    model = session(tmp_path / "model.onnx")
    assert model.get_inputs()[0].shape == ["batch", 3, "height", "width"]
    trained = load_trained(cfg, str(checkpoint))
    for size in SIZES:
        images = photos(*size)
        normalised = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        (logits,) = model.run(["logits"], {"image": normalised.numpy()})
        expected = logits_of(trained, images).numpy()
        assert logits.shape == expected.shape == (size[0], 3, *size[1:]) and expected.std() > 0.05
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
    notes = model.get_modelmeta().custom_metadata_map
    assert notes == result["metadata"]
    assert [json.loads(notes[key]) for key in ("classes", "mean", "std")] == [[*CLASSES], MEAN, STD]
    assert notes["task"] == "segmentation" and notes["checkpoint"] == "toy.pth"
    with pytest.raises(ValueError, match="model.onnx exists. Remove it"):
        export_onnx(cfg, str(checkpoint), tmp_path / "model.onnx")


def test_masks_of_images_as_they_are_read(tmp_path):
    config, checkpoint = random_run(tmp_path, toy_student(depth=18).to_dict())
    cfg = load_config(str(config))
    options = dict(with_preprocessing=True, argmax=True)
    result = export_onnx(cfg, str(checkpoint), tmp_path / "model.onnx", **options)
    assert result["metadata"]["input"].startswith("uint8 (batch, height, width, 3), RGB")
    model = session(tmp_path / "model.onnx")
    trained = load_trained(cfg, str(checkpoint))
    for size in SIZES:
        images = photos(*size)
        (masks,) = model.run(["classes"], {"image": images.permute(0, 2, 3, 1).numpy()})
        assert masks.dtype == np.uint8 and masks.shape == (size[0], *size[1:])
        best = logits_of(trained, images).topk(2, dim=1)
        sure = (best.values[:, 0] - best.values[:, 1] > 1e-3).numpy()
        assert sure.mean() > 0.9
        assert (masks == best.indices[:, 0].numpy())[sure].all() and len(np.unique(masks)) > 1


def test_a_classifier(tmp_path):
    student = toy_classifier().to_dict()
    student["decode_head"]["weight_norm"] = True
    config, checkpoint = random_run(tmp_path, student)
    cfg = load_config(str(config))
    result = export_onnx(cfg, str(checkpoint), tmp_path / "c.onnx", with_preprocessing=True)
    assert result["metadata"]["output"] == "float32 (batch, 3), logits"
    images = photos(5, 41, 52)
    feed = {"image": images.permute(0, 2, 3, 1).numpy()}
    (logits,) = session(tmp_path / "c.onnx").run(None, feed)
    expected = logits_of(load_trained(cfg, str(checkpoint)), images)[..., 0, 0].numpy()
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)


def test_a_head_of_mmseg_that_aligns_corners(tmp_path):
    head = dict(type="FCNHead", in_channels=64, channels=8, num_convs=1, num_classes=3)
    student = toy_student(depth=18)
    student.decode_head = dict(head, align_corners=True)
    config, checkpoint = random_run(tmp_path, student.to_dict())
    export_onnx(load_config(str(config)), str(checkpoint), tmp_path / "model.onnx")


def test_nothing_is_written_where_the_result_differs(tmp_path, monkeypatch):
    config, checkpoint = random_run(tmp_path, toy_student(depth=18).to_dict())
    monkeypatch.setattr(MODULE, "to_bytes", lambda *args: b"")
    monkeypatch.setattr(MODULE, "compare", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_onnx(load_config(str(config)), str(checkpoint), tmp_path / "out" / "model.onnx")
    assert not (tmp_path / "out").exists()


def test_a_difference_is_an_error(tmp_path, monkeypatch):
    """The network changes between export and comparison."""
    config, checkpoint = random_run(tmp_path, toy_classifier().to_dict())
    cfg = load_config(str(config))
    content = MODULE.to_bytes

    def spoiled(model, trained, metadata):
        result = content(model, trained, metadata)
        trained.network.decode_head.conv_seg.bias.data += 0.01
        return result

    monkeypatch.setattr(MODULE, "to_bytes", spoiled)
    with pytest.raises(ValueError, match=r"at most .*, but got 0.01 for images of 64x64"):
        export_onnx(cfg, str(checkpoint), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_raises_on_missing_packages_and_other_heads(tmp_path, monkeypatch):
    student = toy_student(depth=18)
    student.decode_head.num_classes = 2
    config, checkpoint = random_run(tmp_path, student.to_dict())
    cfg = load_config(str(config))
    monkeypatch.setattr(MODULE, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(
        ValueError, match=r"no_such_package is not installed.* pip install .*\[export\]"
    ):
        export_onnx(cfg, str(checkpoint), tmp_path / "model.onnx")
