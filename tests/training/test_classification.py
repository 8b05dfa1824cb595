# SPDX-License-Identifier: Apache-2.0
"""A classification config with the tools that were made for segmentation."""

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg import apis
from rankseg.engine.hooks.base import RunSetup
from rankseg.registry import DATASETS, MODELS
from rankseg.training.network_checks import check_model
from rankseg.training.tiny import make_tiny
from rankseg.training.validation import build_sampler, check_classes, check_views

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("blue", "green", "red")


def tool(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_train(class_run):
    summary = json.loads((class_run / "summary.json").read_text())
    assert [entry["iteration"] for entry in summary["history"]] == [3, 6]
    assert {"top1", "mean_class", "teacher/top1"} <= set(summary["last"])
    assert len(list(class_run.glob("best_top1_*.pth"))) == 1


def test_pseudo_labels_are_noted_and_drawn(class_run):
    notes = json.loads((class_run / "pseudo_labels.json").read_text())
    assert notes["classes"] == list(CLASSES)
    assert [entry["iteration"] for entry in notes["history"]] == [2, 4, 6]
    assert [entry["count"] for entry in notes["history"]] == [6, 6, 6]
    assert all(0 <= entry["accuracy"] <= 100 for entry in notes["history"])  # the truth is known
    assert [at for at, _ in notes["validations"]] == [3, 6]
    assert cv2.imread(str(class_run / "pseudo_labels.png")) is not None


def test_a_resumed_run_notes_what_follows(class_run, class_config):
    options = {"train_cfg.max_iters": 8}
    folder = class_run.parent / "next"
    cfg = apis.load_config(str(class_config), work_dir=str(folder), options=options)
    folder.mkdir()
    notes = json.loads((class_run / "pseudo_labels.json").read_text())
    (folder / "pseudo_labels.json").write_text(json.dumps(notes))
    cfg.load_from, cfg.resume = str(class_run / "iter_3.pth"), True
    apis.train(cfg)
    notes = json.loads((folder / "pseudo_labels.json").read_text())
    assert [entry["iteration"] for entry in notes["history"]] == [2, 4, 6, 8]
    assert notes["history"][1]["count"] == 6  # one iteration of it before the checkpoint
    assert [at for at, _ in notes["validations"]] == [3, 4, 8]  # intervals follow the length


HEAD = dict(
    type="ImageLevelHead",
    in_channels=64,
    num_classes=3,
    dropout_ratio=0.5,
    branches=dict(projection=dict(type="Projector", out_channels=8)),
)
SECOND = dict(type="Projector", out_channels=3, layers=1, normalize=False)
RESUMED = {
    "temporal ensemble": dict(type="SimMatch", bank_size=3, bank_momentum=0.7),
    "student and teacher": dict(type="SimMatch", bank_size=3, labels_from="teacher"),
    "two outputs": dict(
        type="MeanTeacher",
        consistency_tap="decode_head.branches.second",
        ramp=4,
        teacher=dict(momentum=0.1, warmup=True, buffers=False),
    ),
}


@pytest.mark.parametrize("name", RESUMED)
def test_a_resumed_run_ends_like_one_that_was_never_stopped(class_config, tmp_path, name):
    # in the middle of a pass of four iterations: bank, queue, average, dropout
    def train(folder, resume=None):
        cfg = apis.load_config(str(class_config), work_dir=str(tmp_path / folder))
        branches = HEAD["branches"] if "SimMatch" in RESUMED[name]["type"] else {"second": SECOND}
        student = {**cfg.model.student, "decode_head": {**HEAD, "branches": branches}}
        kept = {key: cfg.model[key] for key in ("data_preprocessor", "teacher")}
        cfg.model = {**kept, "student": student, **RESUMED[name]}
        cfg.custom_hooks = [dict(type="StepSeedHook"), dict(type="EMATeacherHook")]
        if resume:
            cfg.load_from, cfg.resume = str(resume), True
        return apis.train(cfg).model.state_dict()

    whole = train("whole")
    resumed = train("resumed", tmp_path / "whole/iter_3.pth")
    assert len(whole) > 50
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key


def test_test(class_run, class_config, capsys):
    out, pictures = class_run / "m.json", class_run / "pictures"
    arguments = [
        str(class_config),
        str(class_run / "iter_6.pth"),
        "--work-dir",
        str(class_run / "t"),
    ]
    tool("test")([*arguments, "--out", str(out), "--show-dir", str(pictures)])
    found = json.loads(out.read_text())
    summary = json.loads((class_run / "summary.json").read_text())
    assert found["top1"] == summary["last"]["top1"] and "top1/green" in found
    assert found["classes"] == list(CLASSES)
    assert np.trace(found["confusion"]) / 6 == pytest.approx(found["top1"] / 100, abs=1e-4)
    assert np.sum(found["confusion"], 1).tolist() == [2, 2, 2]
    assert [p.name for p in pictures.iterdir()] == ["contact_sheet.png"]


def test_collect_results(class_run, capsys):
    tool("collect_results")([str(class_run)])
    lines = capsys.readouterr().out.splitlines()
    assert "| top1 last | top1 best |" in lines[0] and "mIoU" not in lines[0]


def test_tiny_leaves_images_alone_and_drops_later_learning_rates(class_config, tmp_path):
    cfg = apis.load_config(str(class_config))
    cfg.param_scheduler[1].begin = 1000
    cfg.model.student.test_cfg = dict(mode="whole", crop_size=16)
    make_tiny(cfg, str(tmp_path))
    assert [one.type for one in cfg.param_scheduler] == ["LinearLR"]
    assert cfg.model.student.test_cfg.crop_size == 16
    assert cfg.train_dataloader.batch_size == 4


def build(class_config, **options):
    init_default_scope("rankseg")
    cfg = apis.load_config(str(class_config), options=options)
    with torch.device("meta"):
        return MODELS.build(cfg.model), cfg


def setup_of(model, cfg):
    train = DATASETS.build(cfg.train_dataloader.dataset)
    return RunSetup(model, train, None, build_sampler(cfg, train), None)


def test_checks(class_config):
    model, cfg = build(class_config)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    check_model(model, cfg)
    check_views(setup_of(model, cfg))
    check_classes(cfg, train)
    cfg.train_dataloader.dataset.labeled_pipeline[1].crop_size = 15  # of no stride
    check_model(model, cfg)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model.student.decode_head.in_channels": 65}, "in_channels .*feature map -1 .*got 65"),
        (
            {"model.student.backbone": dict(_delete_=True, type="ConvNet13")},
            "to take the images of the pipeline, 8x8 pixels",
        ),
    ],
)
def test_a_network_that_does_not_fit(class_config, options, message):
    small = {
        f"train_dataloader.dataset.{half}_pipeline.1.weak": [dict(type="Resize", height=8, width=8)]
        for half in ("labeled", "unlabeled")
    }
    model, cfg = build(class_config, **options, **small)
    with pytest.raises(ValueError, match=message):
        check_views(setup_of(model, cfg))


def test_strong_views_that_are_missing(class_config):
    model, cfg = build(
        class_config, **{"train_dataloader.dataset.unlabeled_pipeline.1.strong": None}
    )
    with pytest.raises(ValueError, match="strong1, weak for FixMatch, .*DrawViews"):
        check_views(setup_of(model, cfg))
