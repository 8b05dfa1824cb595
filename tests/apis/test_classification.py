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
from rankseg.apis.checks import check_classes, check_model, check_views
from rankseg.apis.knn import load_method
from rankseg.apis.tiny import make_tiny
from rankseg.registry import DATASETS, MODELS

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("blue", "green", "red")
CONFIG = """
_base_ = "{root}/configs/_base_/default_runtime.py"
model = dict(
    type="FixMatch",
    threshold=0.4,
    mix_source=None,
    track_pseudo_labels=True,
    teacher=dict(momentum=0.1),
    data_preprocessor=dict(type="ViewPreprocessor", mean=[127.5] * 3, std=[60.0] * 3),
    student=dict(
        type="EncoderDecoder",
        backbone=dict(type="WideResNet", depth=10, width=1, norm_cfg=dict(type="BN")),
        decode_head=dict(type="ImageLevelHead", in_channels=64, num_classes=3),
        test_cfg=dict(mode="whole"),
    ),
)
data = dict(type="ClassFolderDataset", data_root="{data}")
train_dataloader = dict(
    batch_size=6,
    num_workers=0,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=3, unlabeled=3),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=data,
        split="few",
        include_labeled=True,
        labeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="DrawViews", weak=[dict(type="HorizontalFlip")]),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadImage"),
            dict(
                type="DrawViews",
                weak=[dict(type="HorizontalFlip")],
                strong=[dict(type="HorizontalFlip")],
            ),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        folder="test",
        test_mode=True,
        pipeline=[dict(type="LoadImage"), dict(type="PackEval")],
        **data,
    ),
)
val_evaluator = dict(type="ClassificationMetric")
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.05, momentum=0.9))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.5, end=2, by_epoch=False),
    dict(type="PartialCosineLR", begin=2, by_epoch=False),
]
train_cfg = dict(type="PassTrainLoop", max_iters=6, val_interval=3)
default_hooks = dict(checkpoint=dict(interval=3, save_best="top1"))
custom_hooks = [
    dict(type="EMATeacherHook"),
    dict(type="SummaryHook", key="top1"),
    dict(type="PseudoLabelHook", interval=2),
]
"""


@pytest.fixture(scope="module")
def config_file(tmp_path_factory) -> Path:
    """Images of 16 px in three colours: 3 labelled, 9 unlabelled and 6 for testing."""
    folder = tmp_path_factory.mktemp("classes")
    rng, lines = np.random.default_rng(0), {"labeled": [], "unlabeled": []}
    for k, name in enumerate(CLASSES):
        for part, count in (("train", 4), ("test", 2)):
            (folder / "set" / part / name).mkdir(parents=True)
            for i in range(count):
                image = rng.integers(0, 90, (16, 16, 3), np.uint8)
                image[..., k] += 150
                cv2.imwrite(str(folder / "set" / part / name / f"{i}.png"), image)
                if part == "train":
                    lines["unlabeled" if i else "labeled"].append(f"train/{name}/{i}.png {name}\n")
    (folder / "set/splits/few").mkdir(parents=True)
    for half, text in lines.items():
        (folder / f"set/splits/few/{half}.txt").write_text("".join(text))
    path = folder / "toy.py"
    path.write_text(CONFIG.format(root=ROOT, data=folder / "set"))
    return path


@pytest.fixture(scope="module")
def run(config_file) -> Path:
    """The work folder of a finished run."""
    folder = config_file.parent / "run"
    apis.train(apis.load_config(str(config_file), work_dir=str(folder)))
    return folder


def tool(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_train(run):
    summary = json.loads((run / "summary.json").read_text())
    assert [entry["iteration"] for entry in summary["history"]] == [3, 6]
    assert {"top1", "mean_class", "teacher/top1"} <= set(summary["last"])
    assert len(list(run.glob("best_top1_*.pth"))) == 1


def test_pseudo_labels_are_noted_and_drawn(run):
    notes = json.loads((run / "pseudo_labels.json").read_text())
    assert notes["classes"] == list(CLASSES)
    assert [entry["iteration"] for entry in notes["history"]] == [2, 4, 6]
    assert [entry["count"] for entry in notes["history"]] == [6, 6, 6]
    assert all(0 <= entry["accuracy"] <= 100 for entry in notes["history"])  # the truth is known
    assert [at for at, _ in notes["validations"]] == [3, 6]
    assert cv2.imread(str(run / "pseudo_labels.png")) is not None


def test_a_resumed_run_notes_what_follows(run, config_file):
    options = {"train_cfg.max_iters": 8}
    cfg = apis.load_config(str(config_file), work_dir=str(run.parent / "next"), options=options)
    (run.parent / "next").mkdir()
    notes = json.loads((run / "pseudo_labels.json").read_text())
    (run.parent / "next/pseudo_labels.json").write_text(json.dumps(notes))
    cfg.load_from, cfg.resume = str(run / "iter_3.pth"), True
    apis.train(cfg)
    notes = json.loads((run.parent / "next/pseudo_labels.json").read_text())
    assert [entry["iteration"] for entry in notes["history"]] == [2, 4, 6, 8]
    assert notes["history"][1]["count"] == 6  # one iteration of it before the checkpoint
    assert [at for at, _ in notes["validations"]] == [3, 6, 8]


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
def test_a_resumed_run_ends_like_one_that_was_never_stopped(config_file, tmp_path, name):
    # in the middle of a pass of four iterations: bank, queue, average, dropout
    def train(folder, resume=None):
        cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / folder))
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


def test_test(run, config_file, capsys):
    out, pictures = run / "m.json", run / "pictures"
    arguments = [str(config_file), str(run / "iter_6.pth"), "--work-dir", str(run / "t")]
    tool("test")([*arguments, "--out", str(out), "--show-dir", str(pictures)])
    found = json.loads(out.read_text())
    summary = json.loads((run / "summary.json").read_text())
    assert found["top1"] == summary["last"]["top1"] and "top1/green" in found
    assert found["classes"] == list(CLASSES)
    assert np.trace(found["confusion"]) / 6 == pytest.approx(found["top1"] / 100, abs=1e-4)
    assert np.sum(found["confusion"], 1).tolist() == [2, 2, 2]
    assert [p.name for p in pictures.iterdir()] == ["contact_sheet.png"]


def test_collect_results(run, capsys):
    tool("collect_results")([str(run)])
    lines = capsys.readouterr().out.splitlines()
    assert "| top1 last | top1 best |" in lines[0] and "mIoU" not in lines[0]


@pytest.mark.parametrize("bank", ["labeled", "all"])
def test_knn(run, config_file, bank, capsys):
    arguments = [str(config_file), str(run / "iter_6.pth"), "--bank", bank, "--k", "1", "3"]
    tool("knn")([*arguments, "--out", str(run / "knn.json"), "--network", "teacher"])
    found = json.loads((run / "knn.json").read_text())
    summary = json.loads((run / "summary.json").read_text())
    assert found["classifier"] == summary["last"]["teacher/top1"]
    assert {"knn1", "knn3"} <= set(found)
    assert f"| k = 3 | {found['knn3']:.2f} |" in capsys.readouterr().out


def test_knn_by_hand(run, config_file):
    cfg = apis.load_config(str(config_file))
    checkpoint = str(run / "iter_6.pth")
    found = apis.knn(cfg, checkpoint)
    assert set(found) == {"knn1", "classifier"}  # three labelled images: no 5 and no 20
    student = load_method(cfg, checkpoint).eval().student

    def feature(file: Path) -> np.ndarray:
        image = torch.from_numpy(cv2.imread(str(file))[..., ::-1].copy()).permute(2, 0, 1)
        with torch.no_grad():
            maps = student.extract_feat((image[None] - 127.5) / 60)[-1]
        vector = maps.mean((2, 3))[0].numpy()
        return vector / np.linalg.norm(vector)

    root = config_file.parent / "set"
    bank = np.stack([feature(root / f"train/{name}/0.png") for name in CLASSES])
    right = [
        (bank @ feature(root / f"test/{name}/{i}.png")).argmax() == k
        for k, name in enumerate(CLASSES)
        for i in (0, 1)
    ]
    assert found["knn1"] == pytest.approx(100 * np.mean(right), abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--k", "4"], "k=4 neighbours among 3 labelled images: expected 1 to 3"),
        (["--launcher", "slurm"], "runs in one process"),
    ],
)
def test_knn_mistakes(run, config_file, arguments, message, capsys):
    with pytest.raises(SystemExit):
        tool("knn")([str(config_file), str(run / "iter_6.pth"), *arguments])
    assert message in capsys.readouterr().err


def test_tiny_leaves_images_alone_and_drops_later_learning_rates(config_file, tmp_path):
    cfg = apis.load_config(str(config_file))
    cfg.param_scheduler[1].begin = 1000
    cfg.train_dataloader.dataset.labeled_pipeline[1].crop_size = 16
    make_tiny(cfg, str(tmp_path))
    assert [one.type for one in cfg.param_scheduler] == ["LinearLR"]
    assert cfg.train_dataloader.dataset.labeled_pipeline[1].crop_size == 16
    assert cfg.train_dataloader.batch_size == 4


def build(config_file, **options):
    init_default_scope("rankseg")
    cfg = apis.load_config(str(config_file), options=options)
    with torch.device("meta"):
        return MODELS.build(cfg.model), cfg


def test_checks(config_file):
    model, cfg = build(config_file)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    check_model(model, cfg)
    check_views(model, train, cfg)
    check_classes(cfg, train)
    cfg.train_dataloader.dataset.labeled_pipeline[1].crop_size = 15  # of no stride
    check_model(model, cfg)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model.student.decode_head.in_channels": 65}, "in_channels=65, but feature map -1"),
        (
            {"model.student.backbone": dict(_delete_=True, type="ConvNet13")},
            "cannot take the images of the pipeline, 8x8 pixels",
        ),
    ],
)
def test_a_network_that_does_not_fit(config_file, options, message):
    small = {
        f"train_dataloader.dataset.{half}_pipeline.1.weak": [dict(type="Resize", height=8, width=8)]
        for half in ("labeled", "unlabeled")
    }
    model, cfg = build(config_file, **options, **small)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    with pytest.raises(ValueError, match=message):
        check_views(model, train, cfg)


def test_strong_views_that_are_missing(config_file):
    model, cfg = build(
        config_file, **{"train_dataloader.dataset.unlabeled_pipeline.1.strong": None}
    )
    with pytest.raises(ValueError, match="strong1, weak, .*DrawViews"):
        check_views(model, DATASETS.build(cfg.train_dataloader.dataset), cfg)
