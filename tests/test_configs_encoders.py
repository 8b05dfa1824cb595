# SPDX-License-Identifier: Apache-2.0
"""Numbers of the configs with encoders of timm, worked out from the papers."""

import re

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

from rankseg import apis
from rankseg.models.losses.ohem import RELEASED_SHARE
from rankseg.registry import DATA_SAMPLERS, MODELS
from rankseg.testing.config_files import FOLDER, for_each, load, published, resolved
from rankseg.training.config import check_options
from rankseg.training.length_checks import run_length
from rankseg.training.network_checks import check_layer_decay, check_model, crop_of
from rankseg.training.tiny import make_tiny

pytest.importorskip("timm")

NAMES = sorted(
    path.relative_to(FOLDER).as_posix().removesuffix(".py")
    for path in FOLDER.glob("*/*dinov2*.py")
    if "_base_" not in path.parts
)
METHODS = {
    "unimatch_v2": "UniMatchV2",
    "unimatch": "UniMatch",
    "rankmatch": "RankMatch",
    "supervised": "Supervised",
}
STEM = re.compile(
    r"(?P<data>voc|cityscapes|ade20k|coco)_(?P<split>\d+(_\d+)?)_dinov2_(?P<size>[sb])"
    r"(?P<tuned>_frozen_linear|_lora)?"
)
NETWORKS = {
    "s": ("vit_small_patch14_dinov2", 64, (48, 96, 192, 384)),
    "b": ("vit_base_patch14_dinov2", 128, (96, 192, 384, 768)),
}
SETS = {  # type, classes, crop, labeled images of a batch, passes, training images
    "voc": ("VOCDataset", 21, 518, 16, 60, 10582),
    "cityscapes": ("CityscapesDataset", 19, 798, 8, 180, 2975),
    "ade20k": ("ADE20KDataset", 150, 518, 8, 60, 20210),
    "coco": ("COCODataset", 81, 518, 16, 20, 118287),
}
PUBLISHED = {
    "voc": {"92": 86.3, "183": 87.9, "366": 88.9, "732": 90.0, "1464": 90.8},
    "cityscapes": {"1_16": 83.6, "1_8": 84.3, "1_4": 84.5, "1_2": 85.1},
    "ade20k": {"1_64": 38.7, "1_32": 45.0, "1_16": 46.7, "1_8": 49.8},
    "coco": {"1_512": 47.9, "1_256": 55.8, "1_128": 58.7, "1_64": 60.4, "1_32": 63.3},
}


LOGGED = {  # best validation of the teacher with DINOv2-S in the logs of the authors
    "voc": {"92": 79.03, "732": 86.69},
    "cityscapes": {"1_8": 81.86},
    "ade20k": {"1_64": 31.48},
    "coco": {"1_256": 45.41, "1_64": 54.99, "1_32": 57.01},
}


def parse(name: str) -> dict:
    match = STEM.fullmatch(name.split("/")[1])
    assert match, "the name does not follow configs/README.md"
    return match.groupdict()


def test_every_published_row_has_a_config_of_both_sizes():
    rows = {f"{data}_{split}" for data, splits in PUBLISHED.items() for split in splits}
    expected = {f"unimatch_v2/{row}_dinov2_{size}" for row in rows for size in "sb"}
    assert {name for name in NAMES if name.startswith("unimatch_v2/")} == expected
    for name in expected:
        words = parse(name)
        rows = PUBLISHED if words["size"] == "b" else LOGGED
        row = rows[words["data"]].get(words["split"])
        assert published(name, "mIoU") == (row and f"{row:.1f}"), name
    prevmatch = [published(f"prevmatch/voc_{split}") for split in PUBLISHED["voc"]]
    assert prevmatch == ["73.4", "75.4", "77.5", "78.6", "79.3"]


def test_table_of_the_readme_is_complete():
    linked = re.findall(r"\[[\d.]+\]\(([\w/.]+)\.py\)", (FOLDER / "README.md").read_text())
    expected = {name for name in NAMES if published(name, "mIoU")}
    assert {name for name in linked if "_dinov2_" in name} == expected


@for_each(NAMES)
def test_network_and_data_match_the_name(name):
    cfg, words = resolved(name), parse(name)
    kind, classes, crop, _, _, total = SETS[words["data"]]
    model, channels, levels = NETWORKS[words["size"]]
    backbone, head = cfg.model.student.backbone, cfg.model.student.decode_head
    assert cfg.model.type == METHODS[name.split("/")[0]]
    assert (backbone.model, backbone.weights) == (model, "hub")
    assert tuple(backbone.out_indices) == (2, 5, 8, 11)
    assert backbone.frozen == (words["tuned"] == "_frozen_linear")
    assert backbone.lora == (16 if words["tuned"] == "_lora" else 0)
    assert head.num_classes == classes
    assert head.type == ("LinearHead" if words["tuned"] else "LightDPTHead")
    if not words["tuned"]:
        assert (head.channels, tuple(head.level_channels)) == (channels, levels)
    train, val = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
    assert train.dataset.type == val.type == kind
    assert train.dataset.data_root == val.data_root
    assert train.split == words["split"]
    assert crop_of(cfg) == (crop, crop) and crop % 14 == 0
    loss = head.loss_decode
    if words["data"] == "cityscapes":
        assert loss.type == "OhemCrossEntropyLoss"
        assert loss.threshold == 0.7
        kept = loss.get("min_kept", RELEASED_SHARE) * 2 * 798 * 798  # in two images
        assert kept == pytest.approx(200_000, rel=0.01)
        assert cfg.model.student.test_cfg.crop_size == (798, 798)
        assert cfg.model.student.test_cfg.stride == (532, 532)  # two thirds, as in the release
    else:
        assert loss.type == "CrossEntropyLoss" and loss.avg_non_ignore


@for_each(NAMES)
def test_numbers_of_training(name):
    cfg, words = resolved(name), parse(name)
    _, _, _, count, passes, total = SETS[words["data"]]
    sampler, only = cfg.train_dataloader.sampler, cfg.model.type == "Supervised"
    assert (sampler.labeled, sampler.unlabeled) == (count, count)
    batch = count if only else 2 * count
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == batch
    assert cfg.train_cfg.max_epochs == passes
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, schedule.power, schedule.by_epoch) == ("PolyLR", 0.9, False)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.weight_decay) == ("AdamW", 0.01)
    if not words["tuned"]:
        assert optimizer.lr == 5e-6
        assert cfg.optim_wrapper.paramwise_cfg.custom_keys.decode_head.lr_mult == 40
    if cfg.model.type == "UniMatchV2":
        assert (cfg.model.threshold, cfg.model.keep) == (0.95, 0.5)
        assert (cfg.model.labels_from, cfg.model.predict_on) == ("teacher", "teacher")


class Parts:
    """A training set of which only the sizes count."""

    def __init__(self, labeled: int, unlabeled: int) -> None:
        self.num_labeled, self.num_unlabeled = labeled, unlabeled


@pytest.mark.parametrize(
    ("name", "labeled", "iterations"),
    [  # a pass of the released code goes once over the unlabeled images and drops the last batch
        ("voc_92", 92, 60 * ((10582 - 92) // 16)),
        ("voc_1464", 1464, 60 * ((10582 - 1464) // 16)),
        ("cityscapes_1_16", 186, 180 * ((2975 - 186) // 8)),
        ("ade20k_1_64", 316, 60 * ((20210 - 316) // 8)),
        ("coco_1_512", 232, 20 * ((118287 - 232) // 16)),
    ],
)
def test_iterations_of_the_published_runs(name, labeled, iterations):
    cfg, total = load(f"unimatch_v2/{name}_dinov2_b"), SETS[name.split("_")[0]][-1]
    with DefaultScope.overwrite_default_scope("rankseg"):
        sampler = DATA_SAMPLERS.build(
            cfg.train_dataloader.sampler,
            default_args=dict(dataset=Parts(labeled, total - labeled), seed=0),
        )
    assert run_length(cfg, sampler.iters_per_epoch) == iterations


@for_each([name for name in NAMES if name.startswith("unimatch_v2/")])
def test_views_and_teacher_are_the_published_ones(name):
    cfg = resolved(name)
    for half in ("labeled", "unlabeled"):
        geometry = cfg.train_dataloader.dataset[f"{half}_pipeline"][1]
        assert (tuple(geometry.scale), geometry.flip) == ((0.5, 2.0), 0.5)
        assert geometry.min_foreground == 0
    (views,) = [
        one for one in cfg.train_dataloader.dataset.unlabeled_pipeline if one.type == "StrongViews"
    ]
    assert (views.num, views.transforms) == (2, None)  # the colors are those of UniMatch
    model = cfg.model
    assert (model.mix_source, model.strong_weight) == ("batch", 1.0)
    assert model.average_losses and (model.warmup, model.ramp) == (0, 0)
    assert model.teacher is model.threshold_momentum is model.labeler is None  # class default
    assert tuple(cfg.optim_wrapper.optimizer.betas) == (0.9, 0.999)
    mean = [255 * one for one in (0.485, 0.456, 0.406)]
    assert cfg.model.data_preprocessor.mean == pytest.approx(mean)


@pytest.mark.parametrize(("size", "encoder", "decoder"), [("s", 22.1, 2.7), ("b", 86.6, 11.0)])
def test_networks_have_the_parameters_of_the_published_logs(size, encoder, decoder):
    cfg = load(f"unimatch_v2/ade20k_1_64_dinov2_{size}")
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        student = MODELS.build(cfg.model).student
    backbone, head = (
        sum(one.numel() for one in part.parameters())
        for part in (student.backbone, student.decode_head)
    )
    width = NETWORKS[size][1]
    unused = 2 * (9 * width**2 + width)  # the skip of the coarsest fusion, which never runs there
    assert round(backbone / 1e6, 1) == encoder
    assert round((head + unused) / 1e6, 1) == decoder


def test_learning_rates_of_the_built_groups():
    cfg = load("unimatch_v2/voc_92_dinov2_s")
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        model = MODELS.build(cfg.model)
        groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    found = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    encoder = {found[id(p)] for p in model.student.backbone.parameters()}
    head = {found[id(p)] for p in model.student.decode_head.parameters()}
    assert encoder == {(5e-6, 0.01)}
    ((rate, decay),) = head
    assert rate == pytest.approx(2e-4) and decay == 0.01
    assert model.teacher is not None and model.teacher.use_buffers


FIRST = [
    name
    for name in NAMES
    if re.search(r"voc_92_dinov2_[sb]|(cityscapes_1_16|ade20k_1_64|coco_1_512)_dinov2_s", name)
]


@for_each(FIRST)
def test_model_builds_and_suits_the_crop(name):
    cfg = load(name)
    check_options(cfg)
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        model = MODELS.build(cfg.model)
    assert type(model).__name__ == cfg.model.type
    check_model(model, cfg)
    check_layer_decay(model, cfg)


@pytest.mark.parametrize(
    "name",
    [
        "unimatch_v2/ade20k_1_64_dinov2_s",
        "rankmatch/voc_92_dinov2_s",
        "supervised/voc_92_dinov2_s_lora",
    ],
)
def test_tiny_run_starts_without_a_network(name, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        "rankseg.models.backbones.timm_trunk.print_log", lambda text, *args: said.append(text)
    )
    cfg = apis.load_config(str(FOLDER / f"{name}.py"))
    small = dict(model="test_vit", out_indices=(2, 3, 4, 5))  # for the time of the test
    cfg.model.student.backbone.update(small)
    cfg = make_tiny(cfg, str(tmp_path / "run"))
    assert cfg.model.student.backbone.weights is None and "random weights" in said[0]
    assert apis.train(cfg).runner.iter == 2
