# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from setuptools import Distribution

from rankseg.apis import load_config
from rankseg.projects import starter_config
from rankseg.projects.encoders import Encoder
from rankseg.projects.mask_plan import MaskPlan
from rankseg.projects.new_project import CONFIGS
from rankseg.projects.settings import (
    LARGE,
    MEDIUM,
    PRETRAINED,
    SMALL,
    StarterSettings,
    num_agents_for,
)
from rankseg.projects.starter_config import Project, rankmatch_text, supervised_text
from rankseg.registry import DATASETS, MODELS
from rankseg.training.network_checks import check_model
from rankseg.training.validation import build_sampler

TWO = MaskPlan(("a", "b"), ((0, 0, 0), (1, 2, 3)), {}, False, True, "binary", ())


def starter(network=SMALL, crop: int | None = None) -> StarterSettings:
    crop = crop or network.crop
    return StarterSettings(
        network=network,
        crop=crop,
        iterations=5000,
        validations=10,
        passes=80,
        agents=num_agents_for(crop),
        workers=2,
        cache=(4, 9),
        min_foreground=0.02,
        foreground=0.05,
        value_range=None,
        window=0,
        class_weights=(0.8, 1.5),
    )


def written(folder: Path, plan: MaskPlan = TWO, chosen: StarterSettings | None = None) -> Project:
    project = Project(folder / "x.py", Path("data/x"), CONFIGS, "python tools/", 4, 9, 1)
    chosen = chosen or starter()
    project.config.write_text(rankmatch_text(project, plan, chosen))
    project.supervised.write_text(supervised_text(project, chosen))
    return project


@pytest.mark.parametrize("network", [SMALL, MEDIUM, LARGE], ids=lambda one: one.base)
def test_every_network_builds(tmp_path, network):
    project = written(tmp_path, chosen=starter(network))
    for path, kind in ((project.config, "RankMatch"), (project.supervised, "Supervised")):
        cfg = load_config(str(path))
        init_default_scope(cfg.default_scope)
        assert cfg.model.type == kind and cfg.work_dir == f"work_dirs/{path.stem}"
        with torch.device("meta"):
            model = MODELS.build({**cfg.model, "pretrained": None})
        check_model(model, cfg)
        train = SimpleNamespace(num_labeled=4, num_unlabeled=9)
        build_sampler(cfg, train).check_batch_size(cfg.train_dataloader.batch_size)
        assert cfg.train_cfg.max_iters == 5000 and "max_epochs" not in cfg.train_cfg
        assert cfg.optim_wrapper.optimizer.type == ("SGD" if network is LARGE else "AdamW")
        assert cfg.model.predict_on == "teacher" and cfg.model.teacher.warmup
        assert list(cfg.model.student.decode_head.loss_decode.class_weight) == [0.8, 1.5]


@pytest.mark.parametrize(
    ("name", "maps", "strides", "multiple", "crop", "head"),
    [
        ("efficientnet_lite0", (1, 3), (4, 16), 1, 129, "DeepLabV3PlusHead"),
        ("resnet18", (1, 3), (4, 16), 1, 129, "DeepLabV3PlusHead"),
        ("convnext_atto", (0, 2), (4, 16), 32, 128, "DeepLabV3PlusHead"),
        ("vit_tiny_patch16_224", (2, 5, 8, 11), (16,) * 4, 16, 128, "LightDPTHead"),
    ],
)
def test_every_kind_of_encoder_builds(tmp_path, name, maps, strides, multiple, crop, head):
    pytest.importorskip("timm")
    mean = ([127.5] * 3, [63.75] * 3)
    used = Encoder(name, Path("w.pth"), "mit", 5, maps, strides, multiple, mean)
    agents = num_agents_for(crop, strides[-1])
    chosen = replace(starter(PRETRAINED, crop), encoder=used, agents=agents)
    cfg = load_config(str(written(tmp_path, chosen=chosen).config))
    init_default_scope(cfg.default_scope)
    assert cfg.model.pretrained.endswith("w.pth")
    assert list(cfg.model.data_preprocessor.std) == [63.75] * 3
    cfg.model.pretrained = None
    with torch.device("meta"):
        model = MODELS.build(cfg.model)
    check_model(model, cfg)
    assert type(model.student.decode_head).__name__ == head
    assert model.student.backbone.model == name
    assert (model.labels_from, model.threshold) == ("teacher", 0)
    assert (model.warmup, model.ramp) == (1250, 625)
    assert cfg.model.student.test_cfg == dict(mode="whole")
    assert cfg.train_dataloader.dataset.unlabeled_pipeline[2].num == 1


def test_many_classes_have_soft_and_weighted_pseudo_labels(tmp_path):
    cfg = load_config(str(written(tmp_path).config))
    assert "soft_labels" not in cfg.model and "unlabeled_class_weight" not in cfg.model
    chosen = replace(starter(), unlabeled_class_weights=(0.9, 1.2))
    cfg = load_config(str(written(tmp_path, chosen=chosen).config))
    init_default_scope(cfg.default_scope)
    with torch.device("meta"):
        model = MODELS.build({**cfg.model, "pretrained": None})
    assert model.soft_labels and list(cfg.model.unlabeled_class_weight) == [0.9, 1.2]


def test_baseline_shares_the_student(tmp_path):
    project = written(tmp_path)
    ours, base = load_config(str(project.config)), load_config(str(project.supervised))
    assert ours.model.student == base.model.student and ours.model.teacher == base.model.teacher
    assert "rank" in ours.model and "rank" not in base.model
    sampler = base.train_dataloader.sampler
    assert sampler.labeled_only and base.train_dataloader.batch_size == sampler.labeled == 4
    assert base.val_dataloader == ours.val_dataloader


def test_two_classes_are_scored_by_foreground(tmp_path):
    cfg = load_config(str(written(tmp_path).config))
    assert cfg.val_evaluator.foreground and cfg.default_hooks.checkpoint.save_best == "fgIoU"
    labeled = cfg.train_dataloader.dataset.labeled_pipeline
    assert labeled[1].min_foreground == 0.02
    assert "min_foreground" not in cfg.train_dataloader.dataset.unlabeled_pipeline[1]
    plan = replace(TWO, classes=("a", "b", "c"), palette=((0, 0, 0),) * 3, rule=None)
    chosen = replace(starter(), min_foreground=0.0)
    cfg = load_config(str(written(tmp_path, plan, chosen).config))
    assert "foreground" not in cfg.val_evaluator
    assert cfg.default_hooks.checkpoint.save_best == "mIoU"
    assert "min_foreground" not in cfg.train_dataloader.dataset.labeled_pipeline[1]


@pytest.mark.parametrize("rule", [None, "binary", {128: 1, 255: 0}])
def test_label_rule(tmp_path, rule):
    cfg = load_config(str(written(tmp_path, replace(TWO, rule=rule)).config))
    for data in (cfg.train_dataloader.dataset.dataset, cfg.val_dataloader.dataset):
        assert bool(data.get("binary")) == (rule == "binary")
        assert data.get("label_rule") == (rule if isinstance(rule, dict) else None)


def test_templates_are_package_data(monkeypatch):
    """An installed wheel and an sdist contain the files that setuptools' build_py copies."""
    monkeypatch.chdir(CONFIGS.parent)
    distribution = Distribution()
    distribution.parse_config_files()
    command = distribution.get_command_obj("build_py")
    command.ensure_finalized()
    copied = {f"{package}/{name}" for package, _, _, names in command.data_files for name in names}
    folder = Path(starter_config.__file__).parent / "templates"
    names = {f"rankseg.projects/templates/{path.name}" for path in folder.iterdir()}
    assert len(names) == 2 and names <= copied


def test_no_class_name_is_in_the_text(tmp_path):
    plan = replace(TWO, classes=("zebra", "okapi"), rule=None)
    project = written(tmp_path, plan)
    text = project.config.read_text() + project.supervised.read_text()
    assert "zebra" not in text and "okapi" not in text
    data = load_config(str(project.config)).train_dataloader.dataset.dataset
    assert data.classes_file == "splits/x/classes.json" and "metainfo" not in data


def test_large_images_and_16_bits(tmp_path):
    chosen = replace(starter(), window=513, value_range=(3, 4000), cache=(0, 0))
    cfg = load_config(str(written(tmp_path, chosen=chosen).config))
    assert cfg.model.student.test_cfg == dict(mode="slide", crop_size=(513, 513), stride=(342, 342))
    semi = cfg.train_dataloader.dataset
    pipelines = semi.labeled_pipeline, semi.unlabeled_pipeline, cfg.val_dataloader.dataset.pipeline
    assert all(one[0] == dict(type="LoadSample", value_range=(3, 4000)) for one in pipelines)


@pytest.mark.parametrize("shrink", [1.0, 1.5, 2.0])
def test_microscopy(tmp_path, shrink):
    scale = (round(0.8 / shrink, 3), round(1.25 / shrink, 3))
    chosen = replace(starter(), window=129, scale=scale, shrink=shrink, object_width=60.0)
    path = written(tmp_path, chosen=chosen).config
    cfg, text = load_config(str(path)), path.read_text()
    assert cfg.model.student.test_cfg == dict(mode="slide", crop_size=(129, 129), stride=(64, 64))
    semi = cfg.train_dataloader.dataset
    for pipeline in (semi.labeled_pipeline, semi.unlabeled_pipeline):
        assert pipeline[1].scale == scale
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        cv2.imwrite(str(tmp_path / kind / "1.png"), np.zeros((60, 90), np.uint8))
    (tmp_path / "val.txt").write_text("images/1.png masks/1.png\n")
    where = {"data_root": str(tmp_path), "ann_file": "val.txt", "classes": ("a", "b")}
    val = DATASETS.build({**cfg.val_dataloader.dataset, **where})
    assert val[0]["inputs"].shape[1:] == (int(60 / shrink + 0.5), int(90 / shrink + 0.5))
    assert val[0]["data_samples"].gt_sem_seg.shape == (60, 90), "judged at full size"
    assert "one fixed magnification" in text and ("about 60 pixels wide" in text) == (shrink > 1)
    lines = [line for line in text.splitlines() if str(CONFIGS) not in line]
    assert max(map(len, lines[6:])) <= 100


def test_base_paths_are_relative_inside_configs():
    for folder, expected in (
        (CONFIGS, "./_base_/default_runtime.py"),
        (CONFIGS / "mine", "./../_base_/default_runtime.py"),
        (CONFIGS.parent, f"{CONFIGS}/_base_/default_runtime.py"),
    ):
        project = Project(folder / "x.py", Path("data/x"), CONFIGS, "", 1, 1, 1)
        assert project.base("default_runtime.py") == expected
