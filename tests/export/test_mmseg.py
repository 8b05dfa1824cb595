# SPDX-License-Identifier: Apache-2.0
"""A trained student in the hands of somebody who has mmseg and not this package."""

import importlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from rankseg.apis import load_config, to_mmseg
from rankseg.imageio.reading import read_image
from rankseg.inference.load import load_trained, logits_of
from rankseg.testing.random_run import random_run
from rankseg.testing.toy import toy_classifier, toy_student

STRANGER = """
import sys
sys.modules["rankseg"] = None  # importing it fails
import numpy as np
import torch
try:
    import torchvision
except ImportError:
    pass
except RuntimeError:  # built for another torch: declare the operators without which it fails
    kept = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        kept.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from mmseg.apis import inference_model, init_model
for folder in sys.argv[1:]:
    model = init_model(f"{folder}/config.py", f"{folder}/weights.pth", device="cpu")
    assert model.dataset_meta["classes"] == ["sky", "sea", "land"]
    for image in ("a.png", "b.jpg"):
        result = inference_model(model, image)
        np.save(f"{folder}/{image}.npy", result.seg_logits.data.numpy())
assert not any(name.startswith("rankseg.") for name in sys.modules)
"""


def fcn_student() -> dict:
    """A student of parts that mmseg has, with an auxiliary head and a loss that it lacks."""
    student = toy_student().to_dict()
    head = dict(type="FCNHead", num_classes=3, num_convs=1, align_corners=False)
    loss = dict(type="OhemCrossEntropyLoss", threshold=0.7, min_kept=100)
    student["decode_head"] = dict(head, in_channels=64, channels=8, loss_decode=loss)
    student["auxiliary_head"] = dict(head, in_channels=32, in_index=2, channels=8)
    return student


def slide_student() -> dict:
    test_cfg = dict(mode="slide", crop_size=(33, 41), stride=(20, 30), windows_at_once=2)
    return toy_student().to_dict() | dict(test_cfg=test_cfg)


TEACHER = dict(type="MeanTeacher", teacher=dict(momentum=0.1))


@pytest.fixture
def images(tmp_path) -> list[Path]:
    """An odd size, and one with an EXIF tag that says it is upside down."""
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (61, 87, 3), np.uint8)
    b = rng.integers(0, 256, (12, 10, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    cv2.imwrite(str(tmp_path / "a.png"), a)
    tags = Image.Exif()
    tags[0x0112] = 3
    Image.fromarray(b).save(tmp_path / "b.jpg", exif=tags)
    return [tmp_path / "a.png", tmp_path / "b.jpg"]


def test_mmseg_alone_gives_our_logits(tmp_path, images):
    """Whole, by windows, with mmseg's own heads; on real files; after the folder was moved."""
    kinds = {"whole": toy_student().to_dict(), "slide": slide_student(), "fcn": fcn_student()}
    for student in kinds.values():
        student["backbone"]["depth"] = 18  # the depth that mmseg alone knows
    expected = {}
    for name, student in kinds.items():
        config, checkpoint = random_run(tmp_path, student, name, **TEACHER, predict_on="teacher")
        cfg = load_config(str(config))
        result = to_mmseg(cfg, str(checkpoint), tmp_path / "out" / name)
        own = ["mmseg_deeplabv3plus.py"] if name != "fcn" else []
        assert result["files"] == ["config.py", *own, "weights.pth"]
        assert result["replaced_losses"] == (["OhemCrossEntropyLoss"] if name == "fcn" else [])
        assert result["network"] == "teacher" and result["difference"] <= 1e-4
        trained = load_trained(cfg, str(checkpoint))
        for path in images:
            image = torch.from_numpy(read_image(path)).permute(2, 0, 1)
            expected[name, path.name] = logits_of(trained, image[None], windows=True)[0].numpy()
    (tmp_path / "out").rename(tmp_path / "moved")
    folders = [f"moved/{name}" for name in kinds]
    command = [sys.executable, "-W", "ignore", "-c", STRANGER, *folders]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for (name, image), logits in expected.items():
        found = np.load(tmp_path / "moved" / name / f"{image}.npy")
        assert logits.std() > 0.05
        np.testing.assert_allclose(found, logits, rtol=0, atol=1e-4)
    assert not np.allclose(expected["whole", "a.png"], expected["slide", "a.png"], atol=1e-2)


def test_one_network_is_taken(tmp_path):
    config, checkpoint = random_run(tmp_path, toy_student().to_dict(), **TEACHER)
    cfg = load_config(str(config))
    for network in ("student", "teacher"):
        to_mmseg(cfg, str(checkpoint), tmp_path / network, network=network)
        state = torch.load(tmp_path / network / "weights.pth", weights_only=True)["state_dict"]
        prefix = {"student": "student.", "teacher": "teacher.module."}[network]
        given = torch.load(checkpoint)["state_dict"]
        assert all(torch.equal(state[k], given[prefix + k]) for k in state)
    assert "rankseg" not in (tmp_path / "student" / "config.py").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(num_classes=4), "toy.pth does not fit the model of this config: .*conv_seg"),
        (dict(channels=24), "toy.pth does not fit the model of this config"),
    ],
)
def test_another_checkpoint_is_refused(tmp_path, change, message):
    _, checkpoint = random_run(tmp_path, toy_student().to_dict())
    student = toy_student()
    student.decode_head.update(change)
    cfg = load_config(str(random_run(tmp_path, student.to_dict(), "other")[0]))
    with pytest.raises(ValueError, match=message):
        to_mmseg(cfg, str(checkpoint), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_raises_on_models_that_mmseg_lacks(tmp_path):
    config, checkpoint = random_run(tmp_path, toy_classifier().to_dict())
    with pytest.raises(ValueError, match=r"got a classifier .* Use tools/export_onnx.py"):
        to_mmseg(load_config(str(config)), str(checkpoint), tmp_path / "out")
    config, checkpoint = random_run(tmp_path, toy_student().to_dict(), type="CPS", average=True)
    with pytest.raises(ValueError, match="averages two students and is not possible in mmseg"):
        to_mmseg(load_config(str(config)), str(checkpoint), tmp_path / "out")
    config, checkpoint = random_run(tmp_path, toy_student().to_dict())
    text = config.read_text()
    config.write_text(text.replace('dict(type="PackEval")', 'dict(type="ResizeCenter", size=8)'))
    with pytest.raises(ValueError, match="but got ResizeCenter, which mmseg would not apply"):
        to_mmseg(load_config(str(config)), str(checkpoint), tmp_path / "out")


def test_a_full_folder_is_kept_and_an_empty_one_taken(tmp_path):
    config, checkpoint = random_run(tmp_path, toy_student().to_dict())
    cfg = load_config(str(config))
    out = tmp_path / "out"
    out.mkdir()
    to_mmseg(cfg, str(checkpoint), out)
    assert sorted(path.name for path in out.iterdir()) == [
        "config.py",
        "mmseg_deeplabv3plus.py",
        "weights.pth",
    ]
    with pytest.raises(ValueError, match="out to be new or an empty folder"):
        to_mmseg(cfg, str(checkpoint), out)


def test_writes_nothing_if_the_logits_differ(tmp_path, monkeypatch):
    module = importlib.import_module("rankseg.export.mmseg")
    monkeypatch.setattr(module, "TOLERANCE", -1.0)
    config, checkpoint = random_run(tmp_path, toy_student().to_dict())
    with pytest.raises(ValueError, match="logits to differ from ours by .* Nothing was written"):
        to_mmseg(load_config(str(config)), str(checkpoint), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.pth", "toy.py"]
