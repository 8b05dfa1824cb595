# SPDX-License-Identifier: Apache-2.0
"""Numbers of the configs for VOC and Cityscapes against those of the papers and released code."""

import re

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from rankseg.registry import DATA_SAMPLERS, MODELS
from rankseg.testing.config_files import FOLDER, for_each, load, published, resolved
from rankseg.training.length_checks import run_length
from rankseg.training.network_checks import crop_of

LISTS = {  # labeled images, all images
    "92": (92, 10582),
    "183": (183, 10582),
    "366": (366, 10582),
    "732": (732, 10582),
    "1464": (1464, 10582),
    "blender_1_16": (662, 10582),
    "blender_1_8": (1323, 10582),
    "blender_1_4": (2646, 10582),
    "1_16": (186, 2975),
    "1_8": (372, 2975),
    "1_4": (744, 2975),
    "1_2": (1488, 2975),
}
NAME = re.compile(
    r"(?P<method>supervised|fixmatch|unimatch|rankmatch)/(?P<data>voc|cityscapes)_"
    r"(?P<split>(blender_)?[\d_]*\d)(?P<r101>_r101)?(?P<crop>_crop321)?(?P<equal>_equal_length)?"
)
NAMES = sorted(
    name
    for path in FOLDER.glob("*/*.py")
    if NAME.fullmatch(name := path.relative_to(FOLDER).as_posix().removesuffix(".py"))
)


class Parts:
    """A training set of which only the sizes count."""

    def __init__(self, labeled: int, unlabeled: int) -> None:
        self.num_labeled, self.num_unlabeled = labeled, unlabeled


def iterations(cfg, labeled: int, unlabeled: int) -> int:
    options = dict(dataset=Parts(labeled, unlabeled), seed=0)
    with DefaultScope.overwrite_default_scope("rankseg"):
        sampler = DATA_SAMPLERS.build(cfg.train_dataloader.sampler, default_args=options)
    assert sampler.batch_size == cfg.train_dataloader.batch_size
    return run_length(cfg, sampler.iters_per_epoch)


def test_all_rows_are_found():
    assert len(NAMES) == 4 * 12 * 2 + 12 * 2 + 4 + 1 + 9
    for split in LISTS:
        data = "cityscapes" if split in ("1_16", "1_8", "1_4", "1_2") else "voc"
        for method in ("supervised", "fixmatch", "unimatch", "rankmatch"):
            assert f"{method}/{data}_{split}_r101" in NAMES


@for_each(NAMES)
def test_schedule_and_batch(name):
    cfg, words = load(name), NAME.fullmatch(name)
    labeled, images = LISTS[words["split"]]
    epochs = {"voc": 80, "cityscapes": 240}[words["data"]]
    if words["method"] == "supervised" and not words["equal"]:
        batch, each = 16, labeled // 16  # the incomplete last batch is dropped
    else:
        batch, each = 8, (images - labeled) // 8
        batch += 0 if words["method"] == "supervised" else 8
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == batch
    assert iterations(cfg, labeled, images - labeled) == epochs * each
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, schedule.power, schedule.by_epoch) == ("PolyLR", 0.9, False)
    assert "begin" not in schedule and schedule.get("eta_min", 0) == 0


def test_lengths_in_iterations():
    lengths = {
        "rankmatch/voc_92": 104_880,
        "rankmatch/voc_1464": 91_120,
        "rankmatch/voc_blender_1_16": 99_200,
        "rankmatch/cityscapes_1_16": 83_520,
        "supervised/voc_92": 400,
        "supervised/voc_1464": 7_280,
        "supervised/voc_92_equal_length": 104_880,
        "supervised/cityscapes_1_16": 2_640,
        "supervised/cityscapes_1_2": 22_320,
    }
    for name, length in lengths.items():
        labeled, images = LISTS[NAME.fullmatch(name)["split"]]
        assert iterations(load(name), labeled, images - labeled) == length, name


@for_each(NAMES)
def test_constants(name):
    cfg, words = resolved(name), NAME.fullmatch(name)
    street = words["data"] == "cityscapes"
    crop = 801 if street else 321 if words["crop"] else 513
    assert crop_of(cfg) == (crop, crop)
    labeled = cfg.train_dataloader.dataset.labeled_pipeline
    assert [step.type for step in labeled] == ["LoadSample", "RandomResizeCropFlip", "PackViews"]
    assert (tuple(labeled[1].scale), labeled[1].flip) == ((0.5, 2.0), 0.5)
    backbone, head = cfg.model.student.backbone, cfg.model.student.decode_head
    assert backbone.depth == (101 if words["r101"] else 50)
    assert (backbone.stem_channels, tuple(backbone.strides)) == (128, (1, 2, 2, 1))
    assert tuple(head.dilations) == (6, 12, 18) and head.align_corners
    test = cfg.model.student.test_cfg
    if street:
        assert (head.loss_decode.type, head.loss_decode.threshold) == ("OhemCrossEntropyLoss", 0.7)
        assert round(head.loss_decode.min_kept * 801 * 801) == 100_000  # 200,000 of 2 images
        assert (test.mode, test.crop_size, test.stride) == ("slide", (801, 801), (534, 534))
    else:
        assert (head.loss_decode.type, test.mode) == ("CrossEntropyLoss", "whole")
    if words["method"] == "supervised":
        return
    model = cfg.model
    assert model.threshold == (0.0 if street else 0.95)
    assert (model.mix_source, model.average_losses) == ("same", True)
    assert model.strong_weight == (1.0 if words["method"] == "fixmatch" else 0.5)
    if words["method"] != "fixmatch":
        assert (model.feature_dropout, model.feature_weight) == (0.5, 0.5)
    if words["method"] == "rankmatch":
        rank = model.rank
        assert rank.num_agents == (64 if words["crop"] else 128)
        assert (rank.topk, rank.loss_weight, rank.floor) == (4, 0.1, 1e-10)
        assert (rank.selection, rank.consistency) == ("orthogonal", "rank")
        assert (rank.reduction, model.mask_padding) == ("element", False)


@pytest.mark.parametrize(
    ("name", "backbone", "head"),
    [
        ("supervised/voc_92", 0.001, 0.01),
        ("rankmatch/voc_92", 0.001, 0.01),
        ("supervised/cityscapes_1_16", 0.005, 0.005),
        ("rankmatch/cityscapes_1_16", 0.005, 0.005),
    ],
)
def test_learning_rates_of_the_built_groups(name, backbone, head):
    cfg = load(name)
    cfg.model.pretrained = None
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        student = MODELS.build(cfg.model).student
        optimizer = build_optim_wrapper(student, cfg.optim_wrapper).optimizer
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for part, rate in ((student.backbone, backbone), (student.decode_head, head)):
        assert [rates[id(p)] for p in part.parameters()] == pytest.approx(
            [rate] * len(list(part.parameters()))
        )
    assert isinstance(optimizer, torch.optim.SGD)
    decays = {(group["weight_decay"], group["momentum"]) for group in optimizer.param_groups}
    assert decays == {(1e-4, 0.9)}  # batch norms and biases included


def test_numbers_of_the_released_logs():
    splits = ("92", "183", "366", "732", "1464")
    r50 = [float(published(f"unimatch/voc_{split}_crop321")) for split in splits]
    r101 = [float(published(f"unimatch/voc_{split}_r101_crop321")) for split in splits]
    assert r50 == [71.90, 72.48, 75.96, 77.39, 78.70]
    assert r101 == [75.0, 77.5, 78.5, 79.9, 80.8]
    assert float(published("unimatch/voc_92_crop321", "mIoU of the last epoch")) == 70.57
