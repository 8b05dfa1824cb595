# SPDX-License-Identifier: Apache-2.0
"""Check of the network before training, on networks of which the right answer is known."""

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope

from rankseg.apis import load_config
from rankseg.registry import MODELS
from rankseg.testing.families import family
from rankseg.training.network_checks import (
    check_crop,
    check_initial_files,
    check_model,
    check_prediction,
    check_preprocessor,
    fits,
    has_batch_norm,
    shapes_of,
)


@pytest.mark.parametrize(
    ("crop", "cells", "align", "step", "right"),
    [
        (321, 21, True, 16, True),
        (513, 33, True, None, True),
        (320, 20, False, 16, True),
        (330, 21, True, 16, False),  # the last feature is on pixel 320, not 329
        (320, 20, True, None, False),
        (321, 21, False, 16, False),
        (37, 3, True, None, True),  # 18 pixels apart, as far as numbers tell
        (37, 3, True, 16, False),
        (224, 16, False, 14, True),
        (1, 1, True, None, False),
    ],
)
def test_grids_that_fall_on_pixels(crop, cells, align, step, right):
    assert fits(crop, cells, align, step) is right


def build(config_file, **options):
    init_default_scope("rankseg")
    cfg = load_config(str(config_file), options=options)
    with torch.device("meta"):
        return MODELS.build(cfg.model), cfg


def test_size_of_features_without_computing(config_file):
    model, _ = build(config_file)
    assert shapes_of(model, (33, 49)).size == (3, 4)


def test_more_agents_than_positions(config_file):
    check_model(*build(config_file, **{"model.rank.num_agents": 9}))
    with pytest.raises(ValueError, match="num_agents to be 1 to 9, .*got 10"):
        check_model(*build(config_file, **{"model.rank.num_agents": 10}))


def test_both_pipelines_must_crop_alike(config_file):
    option = {"train_dataloader.dataset.labeled_pipeline.1.crop_size": 49}
    with pytest.raises(ValueError, match="to crop to the same size"):
        check_model(*build(config_file, **option))


def test_crop_is_checked_without_a_feature_tap(config_file):
    sizes = {
        f"train_dataloader.dataset.{half}_pipeline.1.crop_size": 40
        for half in ("labeled", "unlabeled")
    }
    cfg = load_config(str(config_file))
    cfg.model = dict(
        type="UniMatch",
        student=cfg.model.student,
        data_preprocessor=cfg.model.data_preprocessor,
    )
    cfg.merge_from_dict(sizes)
    with torch.device("meta"):
        model = MODELS.build(cfg.model)
    with pytest.raises(
        ValueError, match="multiple of 16 plus 1, .* got 40. Set crop_size to 33 or 49"
    ):
        check_model(model, cfg)


def method(name="pspnet", kind="UniMatch", **changes):
    init_default_scope("rankseg")
    student = {**family(name), **changes}
    return MODELS.build(ConfigDict(type=kind, student=student))


@pytest.mark.parametrize(
    ("name", "kind", "crop", "message"),
    [
        ("beit", "UniMatch", 129, "BEiT with UPerHead. .* 129x129 pixels.* crop_size to 64"),
        ("unet", "UniMatch", 70, "70x70 pixels, but it failed: .* crop_size to 68 or 72"),
        ("segformer", "UniMatch", 72, "multiple of 32, .* 32 pixels .* got 72. .* to 64 or 96"),
        ("segformer", "RankMatch", 70, "multiple of 4, .* 4 pixels .* got 70. .* to 68 or 72"),
        ("setr", "UniMatch", 60, "multiple of 8, .* got 60. .* to 56 or 64"),
    ],
)
def test_crops_are_judged_by_the_network(name, kind, crop, message):
    with pytest.raises(ValueError, match=message):
        check_crop(method(name, kind), (crop, crop))


def test_patches_of_14_pixels():
    network = method("setr", backbone=dict(family("setr")["backbone"], patch_size=14))
    assert check_crop(network, (56, 70)) == (4, 5)
    with pytest.raises(ValueError, match="multiple of 14, .* got 64. Set crop_size to 56 or 70"):
        check_crop(network, (64, 64))


TUPLES = dict(
    type="DAHead", in_channels=32, channels=8, pam_channels=4, num_classes=3, norm_cfg=None
)


@pytest.mark.parametrize("kind", ["UniMatch", "Supervised"])
def test_heads_of_several_outputs_are_refused(kind):
    with pytest.raises(ValueError, match=r"one map of logits \(B, 3, .* 3 outputs from DAHead"):
        check_crop(method(kind=kind, decode_head=TUPLES), (64, 64))


def test_a_tap_that_does_not_run():
    network = method(kind="RankMatch")
    network.student.lost = torch.nn.Identity()
    network.feature_tap = "lost"
    with pytest.raises(ValueError, match="feature_tap='lost' to name a submodule that runs"):
        check_crop(network, (64, 64))


def test_images_that_the_network_cannot_predict():
    whole = method("beit", test_cfg=dict(mode="whole"))
    with pytest.raises(ValueError, match="images of 72x80 pixels, .*test_cfg=dict.mode='slide'"):
        check_prediction(whole, torch.zeros(3, 72, 80))
    windows = method("beit")
    check_prediction(windows, torch.zeros(3, 72, 80))
    with pytest.raises(ValueError, match="windows of 40x64 pixels"):
        check_prediction(windows, torch.zeros(3, 40, 80))


def test_weights_that_would_be_downloaded_or_are_missing(tmp_path):
    url = "https://download.openmmlab.com/x.pth"
    with pytest.raises(ValueError, match=f"student.backbone .* got {url}. .*model.pretrained=FILE"):
        check_initial_files(method(pretrained=url).student)
    with pytest.raises(FileNotFoundError, match="no.pth, but there is no such file"):
        check_initial_files(method(pretrained=str(tmp_path / "no.pth")).student)
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")
    check_initial_files(method(pretrained=str(tmp_path / "w.pth")).student)


def test_images_are_normalized_as_the_student_says():
    ours = dict(mean=[1.0, 2.0, 3.0], std=[1.0, 1.0, 1.0])
    student = dict(data_preprocessor=dict(type="SegDataPreProcessor", **ours))
    cfg = Config(dict(model=dict(data_preprocessor=ours, student=student)))
    check_preprocessor(cfg)
    cfg.model.data_preprocessor = dict(ours, mean=[0.0, 2.0, 3.0])
    message = r"data_preprocessor.mean, .* \[1.0, 2.0, 3.0\], but got \[0.0, 2.0, 3.0\]"
    with pytest.raises(ValueError, match=message):
        check_preprocessor(cfg)


def test_networks_without_batch_norm_train_on_one_image():
    assert has_batch_norm(method().student)
    head = dict(family("setr")["decode_head"], norm_cfg=dict(type="GN", num_groups=2))
    assert not has_batch_norm(method("setr", decode_head=head, auxiliary_head=None).student)


@pytest.mark.parametrize("crop", [126, 129])
@pytest.mark.parametrize("head", ["LinearHead", "LightDPTHead"])
def test_encoder_that_pads_takes_every_crop(crop, head):
    pytest.importorskip("timm")
    init_default_scope("rankseg")
    model = "test_vit"
    options = dict(in_channels=None, num_classes=2)
    if head == "LightDPTHead":
        options.update(channels=8, level_channels=(4, 4, 4, 4))
    student = dict(
        type="EncoderDecoder",
        backbone=dict(type="TimmTrunk", model=model, out_indices=(2, 3, 4, 5)),
        decode_head=dict(type=head, **options),
    )
    with torch.device("meta"):
        method = MODELS.build(dict(type="RankMatch", student=student, rank=dict(num_agents=4)))
    sizes = check_crop(method, (crop, crop))
    patches = -(-crop // 16)
    assert sizes == ((patches,) * 2 if head == "LinearHead" else (8 * patches,) * 2)
    student["backbone"]["pad"] = False
    with torch.device("meta"):
        method = MODELS.build(dict(type="RankMatch", student=student, rank=dict(num_agents=4)))
    with pytest.raises(ValueError, match=f"multiples of 16.*{crop}x{crop}.*crop_size to 1"):
        check_crop(method, (crop, crop))
