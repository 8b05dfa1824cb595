# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from rankseg.registry import MODELS
from rankseg.training.encoder_checks import note_pixel_values

timm = pytest.importorskip("timm")

IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
HALF = dict(mean=[127.5] * 3, std=[127.5] * 3)
VIT, CNN = "test_vit", "test_efficientnet"  # the first expects values from -1 to 1


def notes(capsys, tmp_path, values: dict, pretrained: bool = True, **backbone) -> str:
    init_default_scope("rankseg")
    trunk = dict(type="TimmTrunk", model=VIT, out_indices=(0, 1)) | backbone
    file = tmp_path / "weights.pth"
    torch.save(timm.create_model(trunk["model"]).state_dict(), file)
    head = dict(type="LinearHead", in_channels=None, num_classes=3)
    student = dict(type="EncoderDecoder", backbone=trunk, decode_head=head)
    options = dict(pretrained=str(file)) if pretrained else {}
    model = MODELS.build(dict(type="Supervised", student=student, **options))
    note_pixel_values(model, Config(dict(model=dict(data_preprocessor=values))))
    return capsys.readouterr().out


def test_warns_if_images_are_normalized_in_another_way(capsys, tmp_path):
    text = notes(capsys, tmp_path, IMAGENET)
    assert "mean=[123.675" in text and "expect mean=[127.5, 127.5, 127.5]" in text
    assert "test_vit" in text and "model.data_preprocessor" in text
    assert notes(capsys, tmp_path, HALF) == ""
    assert notes(capsys, tmp_path, dict(mean=[127.0] * 3, std=[128.0] * 3)) == ""


def test_weights_count_wherever_they_are_set(capsys, tmp_path):
    assert notes(capsys, tmp_path, IMAGENET, pretrained=False) == ""
    file = dict(weights=str(tmp_path / "weights.pth"))
    assert "expect" in notes(capsys, tmp_path, IMAGENET, pretrained=False, **file)
    assert "expect" in notes(capsys, tmp_path, IMAGENET, pretrained=False, weights="hub")


@pytest.mark.parametrize("options", [dict(frozen=True), dict(frozen=1), dict(norm_eval=True), {}])
def test_batch_norm_that_is_trained_adapts(capsys, tmp_path, options):
    text = notes(capsys, tmp_path, dict(mean=[0.0] * 3, std=[1.0] * 3), model=CNN, **options)
    assert ("expect" in text) == bool(options)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_have_no_expected_values(capsys, tmp_path, channels):
    values = dict(mean=[0.0] * channels, std=[1.0] * channels)
    assert notes(capsys, tmp_path, values, in_channels=channels) == ""
