# SPDX-License-Identifier: Apache-2.0
"""Whole runs in which losses are no numbers: what is left, what is said, how it goes on."""

import re

import pytest
import torch
from mmengine.logging import MessageHub

from rankseg.engine.resilience.checkpoint import load_checkpoint_file
from rankseg.errors import RunEnded
from rankseg.models import methods
from rankseg.models.methods import LabelPropagation, MeanTeacher, RankMatch, SimMatch, Supervised
from rankseg.testing.toy_run import METHODS

CLASSES = dict(
    supervised=Supervised,
    rankmatch=RankMatch,
    prevmatch=methods.PrevMatch,
    cps=methods.CPS,
    cct=methods.CCT,
    cmsf=methods.CMSF,
    cmsf_semi=methods.CMSF,
    simmatch=SimMatch,
    simmatch_teacher=SimMatch,
    mean_teacher=MeanTeacher,
    label_propagation=LabelPropagation,
    label_propagation_teacher=LabelPropagation,
    lmcs=methods.LMCS,
)


@pytest.fixture
def spoil(monkeypatch):
    """Make the losses of a method NaN from one iteration (from 0) to before another."""

    def make(method: str, first: int, end: int) -> None:
        cls = CLASSES[method]
        loss = cls.loss

        def spoilt(self, inputs, data_samples):
            if first <= MessageHub.get_current_instance().get_info("iter") < end:
                inputs = {view: image * float("nan") for view, image in inputs.items()}
            return loss(self, inputs, data_samples)

        monkeypatch.setattr(cls, "loss", spoilt)

    return make


def log_of(run) -> str:
    return "\n".join(file.read_text() for file in sorted(run.glob("*/*.log")))


def test_every_method_is_here():
    assert set(CLASSES) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_one_bad_iteration_and_the_run_goes_on(method, spoil, quick_train, tmp_path):
    spoil(method, 4, 5)
    run = quick_train(method, tmp_path / "run", check=False, default_hooks__checkpoint__interval=8)
    state = load_checkpoint_file(run / "iter_8.pth")
    numbers = [value for value in state["state_dict"].values() if value.is_floating_point()]
    assert numbers and all(value.isfinite().all() for value in numbers)
    log = log_of(run)
    said = re.findall(
        r"iteration (\d+): step skipped, (.*?) \((.*?)\); files of the batch: (.*)", log
    )
    assert len(said) == 1
    iteration, terms, counted, files = said[0]
    assert iteration == "5" and counted == "1 in a row, 1 in this run"
    assert re.search("loss_(x|shift) = nan", terms)
    assert all(name.endswith(".png") for name in files.split(", "))
    assert "1 of 8 steps were skipped because a loss or gradient was not finite" in log
    assert state["message_hub"]["runtime_info"]["steps_skipped"] == [0, 1]


def test_a_run_that_stays_bad_stops_with_the_last_good_state(spoil, quick_train, tmp_path):
    run = tmp_path / "run"
    patience = {"default_hooks__non_finite_stop__patience": 2}
    spoil("rankmatch", 2, 100)
    with pytest.raises(RunEnded, match=r"stopped at iteration 4, .* in 2 steps in a row, .*_4\.pt"):
        quick_train("rankmatch", run, train_cfg__val_interval=8, **patience)
    # what was saved is what there was before the first bad step
    before, after = (load_checkpoint_file(run / f"iter_{i}.pth")["state_dict"] for i in (2, 4))
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    batch = torch.load(run / "non_finite_iter_4.pt", weights_only=True)
    assert batch["iteration"] == 4 and batch["terms"]["loss"] != batch["terms"]["loss"]
    assert 2 <= len(batch["paths"]) <= 4 and batch["inputs"]["weak"].dtype == torch.uint8
    assert not list(run.glob("*.partial"))


def test_patience_is_whole_again_after_a_resume(spoil, quick_train, tmp_path):
    run = tmp_path / "run"
    patience = {"default_hooks__non_finite_stop__patience": 3}
    spoil("supervised", 2, 6)
    with pytest.raises(RunEnded, match="stopped at iteration 5"):
        quick_train("supervised", run, **patience)
    quick_train("supervised", run, resume=True, **patience)  # one more is bad, then all is well
    assert "iteration 6: step skipped, loss_x = nan (1 in a row, 4 in this run)" in log_of(run)
    assert (run / "iter_8.pth").is_file()


def test_a_count_goes_on_after_a_resume(spoil, quick_train, assert_same, tmp_path):
    # stopped between two bad steps: ends as the run that was not
    spoil("rankmatch", 4, 7)
    whole, cut = (quick_train("rankmatch", tmp_path / name) for name in ("whole", "cut"))
    quick_train("rankmatch", cut, resume=str(cut / "iter_6.pth"))
    assert_same(whole, cut)
    assert log_of(cut).count("(3 in a row, 3 in this run)") == 2


@pytest.fixture
def overflow(monkeypatch):
    """Have the step of one iteration (from 0) make a weight infinite, by a finite gradient."""

    def make(method: str, iteration: int, name: str = "student.decode_head.conv_seg.bias") -> None:
        cls = CLASSES[method]
        loss = cls.loss

        def huge(self, inputs, data_samples):
            losses = loss(self, inputs, data_samples)
            if MessageHub.get_current_instance().get_info("iter") == iteration:
                value = dict(self.named_parameters())[name]
                losses["loss_x"] = losses["loss_x"] + 3e38 * (value - value.detach()).sum()
            return losses

        monkeypatch.setattr(cls, "loss", huge)

    return make


FAST = dict(optim_wrapper__optimizer__lr=5.0, param_scheduler=None, train_cfg__val_interval=8)


def test_a_step_that_makes_weights_infinite_is_not_saved(overflow, quick_train, tmp_path):
    # iter_4 is due right after the step, before any loss shows what has happened
    overflow("supervised", 3)
    run = tmp_path / "run"
    with pytest.raises(RunEnded, match=r"conv_seg\.bias.* iter_4\.pth was not written.*\.lr="):
        quick_train("supervised", run, **FAST)
    assert sorted(file.name for file in run.glob("*.pth")) == ["iter_2.pth", "last.pth"]
    assert (run / "last_checkpoint").read_text().endswith("iter_2.pth")
    state = load_checkpoint_file(run / "iter_2.pth")["state_dict"]
    assert all(value.isfinite().all() for value in state.values())


def test_infinite_weights_are_no_last_good_state(overflow, quick_train, tmp_path):
    overflow("rankmatch", 2)
    run = tmp_path / "run"
    patience = {"default_hooks__non_finite_stop__patience": 2}
    checkpoint = {"default_hooks__checkpoint__interval": 100}
    match = (
        r"stopped at iteration 5, .* in 2 steps in a row.*\. student.* iter_5\.pth was not written"
    )
    with pytest.raises(RunEnded, match=match):
        quick_train("rankmatch", run, **FAST, **patience, **checkpoint)
    assert not list(run.glob("*.pth")) and (run / "non_finite_iter_5.pt").is_file()


def test_a_best_checkpoint_is_finite_too(overflow, quick_train, tmp_path):
    overflow("supervised", 2)
    run, options = tmp_path / "run", FAST | dict(train_cfg__val_interval=3)
    with pytest.raises(RunEnded, match=r"best_mIoU_iter_3\.pth was not written"):
        quick_train("supervised", run, default_hooks__checkpoint__interval=100, **options)
    assert not list(run.glob("*.pth"))


def test_a_damaged_teacher_is_seen(quick_train, monkeypatch, tmp_path):
    update = RankMatch.update_teacher

    def spoilt(self):
        update(self)
        self.teacher.module.backbone.stem[1].running_var[0] = float("inf")

    monkeypatch.setattr(RankMatch, "update_teacher", spoilt)
    with pytest.raises(RunEnded, match=r"teacher\.module\.backbone\.stem\.1\.running_var"):
        quick_train("rankmatch", tmp_path / "run")
