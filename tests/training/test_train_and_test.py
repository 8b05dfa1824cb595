# SPDX-License-Identifier: Apache-2.0
"""From a config file to numbers and pictures."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rankseg import apis
from rankseg.engine.resilience.checkpoint import load_checkpoint_file
from rankseg.engine.runner import StrictRunner
from rankseg.utils import bfloat16


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the first test that needs a finished run leaves a copy for the others."""
    return tmp_path_factory.mktemp("kept") / "run"


@pytest.fixture
def trained(config_file, kept, tmp_path):
    run = tmp_path / "run"
    if kept.exists():
        shutil.copytree(kept, run, symlinks=True)
    else:
        apis.train(apis.load_config(str(config_file), work_dir=str(run)))
        shutil.copytree(run, kept, symlinks=True)
    return config_file, run


def test_train_then_test(trained, tmp_path):
    config_file, run = trained
    summary = json.loads((run / "summary.json").read_text())
    assert [entry["iteration"] for entry in summary["history"]] == [2, 4]
    assert summary["method"] == "RankMatch" and "teacher/mIoU" in summary["last"]
    last, best = run / "iter_4.pth", next(run.glob("best_mIoU_*.pth"))
    assert last.is_file() and best.is_file()

    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "test"))
    out, pictures = tmp_path / "out" / "m.json", tmp_path / "pictures"
    metrics = apis.test(cfg, str(last), out=str(out), show_dir=str(pictures))
    assert metrics["mIoU"] == pytest.approx(summary["last"]["mIoU"], abs=0.01)
    assert json.loads(out.read_text())["IoU/b"] == metrics["IoU/b"]
    assert sorted(p.name for p in pictures.iterdir()) == ["images_6.png", "images_7.png"]
    with pytest.raises(ValueError, match=r"pictures to be a new or empty folder, .* images_6\.png"):
        apis.test(cfg, str(last), show_dir=str(pictures))


def test_resume_goes_on_at_the_iteration(trained, monkeypatch):
    config_file, run = trained
    reads, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **more: reads.append(1) or load(*args, **more))
    cfg = apis.load_config(str(config_file), work_dir=str(run), options={"train_cfg.max_iters": 6})
    cfg.extend_schedule = True
    apis.resume_from_latest(cfg)
    runner = apis.train(cfg).runner
    assert runner.iter == 6
    assert len(reads) == 2, "once to find it, and once for all checks and the weights"
    history = json.loads((run / "summary.json").read_text())["history"]
    assert [entry["iteration"] for entry in history] == [2, 4, 6]


def test_a_resumed_run_ends_like_one_that_was_never_stopped(trained, config_file, tmp_path):
    # boxes, agents and dropped channels are drawn again in every iteration
    _, run = trained
    cfg = apis.load_config(str(config_file), work_dir=str(run))
    cfg.load_from, cfg.resume = str(run / "iter_2.pth"), True
    resumed = apis.train(cfg).model.state_dict()
    whole = load_checkpoint_file(run / "iter_4.pth")["state_dict"]
    other = apis.train(apis.load_config(str(config_file), work_dir=str(tmp_path / "again")))
    for name, value in other.model.state_dict().items():
        assert torch.equal(value, resumed[name]), name
        assert torch.equal(value, whole[name]), name


def test_weights_of_another_run_as_a_start(trained, tmp_path):
    config_file, run = trained
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "next"))
    cfg.load_from = str(run / "iter_4.pth")
    cfg.train_cfg = dict(type="PassTrainLoop", max_iters=1, val_interval=1)
    cfg.optim_wrapper.optimizer.lr = 0.0
    runner = apis.train(cfg).runner
    saved = load_checkpoint_file(cfg.load_from)["state_dict"]
    for name, value in runner.model.student.named_parameters():
        assert torch.equal(value, saved[f"student.{name}"]), name


@pytest.mark.parametrize("tool", ["train", "test"])
def test_raises_on_paths_that_would_run_when_the_saved_config_is_read(
    config_file, tmp_path, tool, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # short paths, which the message shows whole
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "next"))
    name = "{{$X:.*}}.pth"
    Path(name).touch()
    with pytest.raises(ValueError, match=r"Expected [\w.\[\]]+ to be text without '{{'.*pth"):
        if tool == "train":
            cfg.load_from = name
            apis.train(cfg)
        else:
            apis.test(cfg, name, show_dir=f"{name[:-4]}/a.pth")
    assert not (tmp_path / "next").exists()


def test_a_start_that_does_not_fit_leaves_nothing_behind(trained, tmp_path):
    config_file, run = trained
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "next"))
    cfg.load_from = str(run / "iter_4.pth")
    cfg.model.student.decode_head.channels = 24
    with pytest.raises(ValueError, match="iter_4.pth does not fit the model.*size mismatch"):
        apis.train(cfg)
    assert not (tmp_path / "next").exists()


def test_fine_tuning_for_other_classes(trained, data_root, tmp_path):
    config_file, run = trained
    for mask in (data_root / "masks").iterdir():  # two classes
        cv2.imwrite(str(mask), np.minimum(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED), 1))
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "next"))
    for node in (cfg.train_dataloader.dataset, cfg.val_dataloader, cfg.test_dataloader):
        node.dataset.classes = ("a", "b")
    cfg.model.student.decode_head.num_classes = 2
    with pytest.raises(
        ValueError, match="does not fit the model"
    ):  # only training reinitializes it
        apis.test(cfg, str(run / "iter_4.pth"))
    cfg.load_from = str(run / "iter_4.pth")
    cfg.train_cfg = dict(type="PassTrainLoop", max_iters=1, val_interval=1)
    cfg.optim_wrapper.optimizer.lr = 0.0
    runner = apis.train(cfg).runner
    saved = load_checkpoint_file(cfg.load_from)["state_dict"]
    for name, value in runner.model.student.named_parameters():
        if "conv_seg" not in name:
            assert torch.equal(value, saved[f"student.{name}"]), name
    # two runs that a process begins in one second share mmengine's log file
    log = "".join(file.read_text() for file in tmp_path.rglob("*.log"))
    made = "Reinitialized student.decode_head.conv_seg.weight (3, 16, 1, 1) -> (2, 16, 1, 1), "
    assert made in log


def test_testing_leaves_the_config_of_the_run_alone(trained):
    config_file, run = trained
    before = {p: p.read_bytes() for p in run.glob("*.py")}
    apis.test(apis.load_config(str(config_file), work_dir=str(run)), str(run / "iter_4.pth"))
    assert before and all(path.read_bytes() == text for path, text in before.items())


@pytest.mark.parametrize("known", [True, False])
def test_bfloat16(config_file, tmp_path, known, monkeypatch, capsys):
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: known)
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "amp"))
    apis.use_amp(cfg)
    runner = apis.train(cfg).runner
    weight = runner.model.student.decode_head.bottleneck[0].weight
    assert weight.dtype == torch.float32
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert ("does not compute in bfloat16" in "".join(capsys.readouterr())) != known


def test_the_optimizer_wrapper_needs_no_type(config_file, tmp_path):
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"))
    del cfg.optim_wrapper["type"]  # MMEngine takes OptimWrapper
    assert apis.train(cfg).metrics["iteration"] == cfg.train_cfg.max_iters


def test_resume_when_the_newest_was_not_saved_to_the_end(trained):
    config_file, run = trained
    (run / "iter_4.pth").unlink()
    cfg = apis.load_config(str(config_file), work_dir=str(run))
    apis.resume_from_latest(cfg)
    assert cfg.load_from == str(run / "iter_2.pth")


def test_resume_with_another_layout_under_a_fused_optimizer(config_file, tmp_path, monkeypatch):
    options = {"optim_wrapper.optimizer.momentum": 0.9, "optim_wrapper.optimizer.fused": True}
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"), options=options)
    apis.train(cfg)
    read, load = [], StrictRunner.load_checkpoint

    def load_checkpoint(self, filename, map_location="cpu", *args, **kwargs):
        read.append(map_location)
        return load(self, filename, map_location, *args, **kwargs)

    monkeypatch.setattr(StrictRunner, "load_checkpoint", load_checkpoint)
    options |= {"train_cfg.max_iters": 5, "optim_wrapper.optimizer.fused": False}
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"), options=options)
    cfg.extend_schedule = True
    apis.use_amp(cfg)
    apis.resume_from_latest(cfg)
    optimizer = apis.train(cfg).runner.optim_wrapper.optimizer
    assert read == ["cpu"]  # a GPU would hold everything twice
    assert [group["fused"] for group in optimizer.param_groups] == [False]
    for parameter, state in optimizer.state.items():
        assert state["momentum_buffer"].stride() == parameter.stride()


def test_nothing_to_resume(config_file, tmp_path, capsys):
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "empty"))
    apis.resume_from_latest(cfg)
    assert not cfg.get("resume") and not cfg.get("load_from")
    assert "empty has no checkpoint, so this run starts" in "".join(capsys.readouterr())


def test_a_mistake_leaves_nothing_behind(config_file, data_root, tmp_path):
    (data_root / "images/3.png").unlink()
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"))
    with pytest.raises(FileNotFoundError, match="images/3.png"):
        apis.train(cfg)
    assert not (tmp_path / "run").exists()


def test_testing_needs_a_checkpoint(config_file):
    cfg = apis.load_config(str(config_file))
    with pytest.raises(FileNotFoundError, match="Checkpoint no.pth does not exist"):
        apis.test(cfg, "no.pth")


def test_learning_rate_for_another_batch(config_file, tmp_path):
    options = {"auto_scale_lr": dict(base_batch_size=16), "train_cfg.max_iters": 1}
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"), options=options)
    apis.scale_learning_rate(cfg)
    runner = apis.train(cfg).runner
    assert runner.optim_wrapper.param_groups[0]["initial_lr"] == pytest.approx(0.01 * 4 / 16)
    log = next((tmp_path / "run").glob("*/*.log")).read_text()
    assert (
        "batch size of 16 and the current batch size is 4. Scaling the original LR by 0.25" in log
    )


def test_scaling_needs_the_batch_that_was_meant(config_file):
    cfg = apis.load_config(str(config_file))
    with pytest.raises(
        ValueError, match=r"apis.scale_learning_rate\(cfg\), .* Add auto_scale_lr=dict\(base_b"
    ):
        apis.scale_learning_rate(cfg)
