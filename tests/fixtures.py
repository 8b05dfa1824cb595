# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by all tests."""

import functools
import gc
import multiprocessing
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

import rankseg.models  # noqa: F401, before mmseg, which may need missing operators of torchvision
from rankseg.testing.fork_server import start_fork_server

os.environ["HF_HUB_OFFLINE"] = "1"  # no test looks for weights in the network
torch.set_num_threads(1)  # tensors are tiny: a second thread only waits for the first
gc.set_threshold(20_000, 20, 20)  # thousands of tests are no garbage, and take long to look at


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[object]:
    """Prepare for all tests.

    What is remembered of files that were checked is kept apart from that of the user. The server
    whose forks train is itself a fork, of a process that has run no test.
    """
    with tempfile.TemporaryDirectory(prefix="rankseg-findings-") as folder:
        os.environ["RANKSEG_CACHE_DIR"] = folder
        if any("forkserver" in getattr(item, "fixturenames", ()) for item in session.items):
            start_fork_server()
        return (yield)


@pytest.fixture(scope="session")
def forkserver() -> ForkServerContext:
    """Starts processes that have everything imported already."""
    return multiprocessing.get_context("forkserver")


@pytest.fixture(scope="session", autouse=True)
def no_collection_for_each_data_set() -> Iterator[None]:
    """Leave out mmengine's collection of garbage in every data set."""
    from mmengine.dataset import base_dataset

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_dataset, "gc", SimpleNamespace(collect=lambda: 0))
        yield


@pytest.fixture(scope="session")
def count_of_imports() -> list[int]:
    """Number of modules in which no garbage is looked for."""
    return [0]


@pytest.fixture(scope="module", autouse=True)
def no_collection_of_imports(count_of_imports) -> None:
    """Do not look for garbage in what is imported: half a second each time with that for ONNX."""
    if len(sys.modules) > count_of_imports[0] + 100:
        gc.collect()
        gc.freeze()
        count_of_imports[0] = len(sys.modules)


@pytest.fixture(scope="session", autouse=True)
def quick_starts() -> Iterator[None]:
    """Leave out what tests do not look at.

    The machine is described once, nothing waits for the disk, networks on the meta device get no
    values, mmengine takes no notes of how parameters are initialized, and a seed is not kept for
    GPUs that are not there, each time with the stack of calls.
    """
    from mmengine.model import base_module, weight_init
    from mmengine.runner import runner
    from torch.nn.modules import batchnorm, conv, linear

    def unless_meta(inner: Callable) -> Callable:
        return lambda self: None if self.weight is not None and self.weight.is_meta else inner(self)

    described = functools.cache(runner.collect_env)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "collect_env", lambda: dict(described()))
        patch.setattr(os, "fsync", lambda file: None)
        for module in (base_module, weight_init):
            patch.setattr(module, "update_init_info", lambda module, init_info: None)
        patch.setattr(base_module.BaseModule, "_dump_init_info", lambda self: None)
        if not torch.cuda.is_available():
            patch.setattr(
                torch, "manual_seed", lambda seed: torch.default_generator.manual_seed(int(seed))
            )
        for cls in (conv._ConvNd, linear.Linear, batchnorm._NormBase):
            patch.setattr(cls, "reset_parameters", unless_meta(cls.reset_parameters))
        yield


@pytest.fixture(scope="session", autouse=True)
def format_code() -> Iterator[Callable]:
    """Save configs with one value a line: formatting them takes half of a small training run.

    The fixture is the function that formats.
    """
    from yapf.yapflib import yapf_api

    def spaced(text: str, **style) -> tuple[str, bool]:
        return re.sub(r"^(\w+)=", r"\1 = ", text, flags=re.M), True

    inner = yapf_api.FormatCode
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yapf_api, "FormatCode", spaced)
        yield inner


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of reference values and small real image sets, where one lies beside the project."""
    path = Path(__file__).resolve().parents[2] / "shared"
    if not path.is_dir():
        pytest.skip("no reference material beside the project")
    return path


ROOT = Path(__file__).resolve().parents[1]

CONFIG = """
_base_ = "{configs}/_base_/default_runtime.py"
model = dict(
    type="RankMatch",
    data_preprocessor=dict(type="ViewPreprocessor", mean=[127.5] * 3, std=[60.0] * 3),
    student={student},
    rank=dict(type="RankCorrelationLoss", num_agents=4),
    teacher=dict(momentum=0.1),
)
geometry = dict(type="RandomResizeCropFlip", crop_size=33)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type="LabeledUnlabeledSampler", labeled=2, unlabeled=2),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="FolderDataset", data_root="{root}", classes=("a", "b", "c")),
        split="few",
        labeled_pipeline=[dict(type="LoadSample"), geometry, dict(type="PackViews", labeled=True)],
        unlabeled_pipeline=[
            dict(type="LoadSample"), geometry, dict(type="StrongViews", num=2),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="FolderDataset", data_root="{root}", classes=("a", "b", "c"),
        ann_file="splits/val.txt", test_mode=True,
        pipeline=[dict(type="LoadSample"), dict(type="PackEval")],
    ),
)
val_evaluator = dict(type="SegmentationMetric", per_class=True)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.01))
param_scheduler = [dict(type="PolyLR", power=0.9, by_epoch=False)]
train_cfg = dict(type="PassTrainLoop", max_iters=4, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
del _base_.custom_hooks[4]  # CurvesHook, whose drawing takes longer than the training
"""


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """Eight images of 40 x 48 pixels with masks of three classes, and lists of a split 'few'."""
    root = tmp_path / "set"
    for folder in ("images", "masks", "splits/few"):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(8):
        mask = rng.integers(0, 3, (5, 6), np.uint8).repeat(8, 0).repeat(8, 1)
        image = np.stack([mask * 100, 255 - mask * 100, mask * 50], -1)
        cv2.imwrite(str(root / f"images/{i}.png"), image)
        cv2.imwrite(str(root / f"masks/{i}.png"), mask)
    pair = "images/{0}.png masks/{0}.png\n"
    (root / "splits/few/labeled.txt").write_text("".join(pair.format(i) for i in range(2)))
    (root / "splits/few/unlabeled.txt").write_text("".join(f"images/{i}.png\n" for i in (2, 3, 4)))
    (root / "splits/val.txt").write_text("".join(pair.format(i) for i in (6, 7)))
    return root


@pytest.fixture
def config_file(tmp_path: Path, data_root: Path) -> Path:
    """RankMatch on the toy network over that folder, four iterations."""
    from rankseg.testing.toy import toy_student

    configs = Path(__file__).resolve().parents[1] / "configs"
    path = tmp_path / "toy.py"
    student = toy_student().to_dict()
    path.write_text(CONFIG.format(configs=configs, root=data_root, student=student))
    return path


@pytest.fixture(scope="session")
def toy_runs(tmp_path_factory, format_code) -> dict[str, Path]:
    """Work folders of finished runs of four iterations: two methods and a classifier."""
    from mmengine.config import Config

    from rankseg import apis
    from rankseg.testing.toy_run import write_config, write_set

    root = tmp_path_factory.mktemp("toy_runs")
    write_set(root / "set")
    runs = {}
    for name, method in (("sup", "supervised"), ("rank", "rankmatch"), ("classes", "mean_teacher")):
        file = write_config(root / f"{method}.py", method, root / "set")
        cfg: Config = apis.load_config(str(file), work_dir=str(root / "runs" / name), seed=0)
        cfg.train_cfg.update(max_iters=4, val_interval=2)
        cfg.default_hooks.checkpoint.interval = 4
        cfg.val_evaluator.per_class = True
        cfg.custom_hooks += [dict(type="PanelHook", height=60)]
        cfg.custom_hooks += [dict(type="CurvesHook")] if name == "rank" else []  # takes a second
        with pytest.MonkeyPatch.context() as patch:
            if name == "rank":
                patch.setattr("yapf.yapflib.yapf_api.FormatCode", format_code)  # as users' runs do
            apis.train(cfg)
        runs[name] = Path(cfg.work_dir)
    return runs


CLASSES = ("blue", "green", "red")
CLASS_CONFIG = """
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


@pytest.fixture(scope="session")
def class_config(tmp_path_factory) -> Path:
    """Images of 16 px in three colors: 3 labeled, 9 unlabeled and 6 for testing."""
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
    path.write_text(CLASS_CONFIG.format(root=ROOT, data=folder / "set"))
    return path


@pytest.fixture(scope="session")
def class_run(class_config) -> Path:
    """The work folder of a finished run."""
    from rankseg import apis

    folder = class_config.parent / "run"
    apis.train(apis.load_config(str(class_config), work_dir=str(folder)))
    return folder
