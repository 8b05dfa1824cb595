# SPDX-License-Identifier: Apache-2.0
"""Order of writing and removing; that runs resume from it is in tests/reliability."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from rankseg.engine.hooks import CheckpointHook
from rankseg.engine.resilience.checkpoint_hook import DROPPED, VALIDATED
from rankseg.registry import HOOKS


@pytest.fixture
def run(tmp_path):
    """A runner whose checkpoints hold the names of the files beside them."""

    def save_checkpoint(folder, filename, *args, **kwargs):
        if runner.full:
            raise OSError("disk full")
        found = Path(folder).glob("*.pth")
        names = sorted(file.name for file in found if not file.is_symlink())
        (Path(folder) / filename).write_text(" ".join(names))

    hub = MessageHub.get_instance(f"test_checkpoint {tmp_path}")
    logger = SimpleNamespace(info=print, warning=print)
    runner = SimpleNamespace(
        work_dir=str(tmp_path), message_hub=hub, iter=0, epoch=0, logger=logger, full=False
    )
    runner.save_checkpoint = save_checkpoint
    return runner


def make(runner, **options):
    hook = CheckpointHook(
        by_epoch=False, interval=1, max_keep_ckpts=1, save_best="mIoU", rule="greater", **options
    )
    hook.before_train(runner)
    return hook


def names(runner):
    """Files without the links, which test_checkpoint_links.py tests."""
    found = Path(runner.work_dir).iterdir()
    return sorted(file.name for file in found if not file.is_symlink())


def test_configs_get_this_one():
    assert HOOKS.get("CheckpointHook") is CheckpointHook


def test_the_old_one_goes_when_the_new_one_is_there(run):
    hook = make(run)
    for step in (1, 2):
        hook.save_now(run, step)
        hook.save_now(run, step)  # is there already
    assert (Path(run.work_dir) / "iter_2.pth").read_text() == "iter_1.pth"
    assert names(run) == ["iter_2.pth", "last_checkpoint"]
    run.full = True
    with pytest.raises(OSError, match="disk full"):
        hook.save_now(run, 3)
    assert names(run) == ["iter_2.pth", "last_checkpoint"]


def test_the_best_goes_when_a_better_one_is_there(run):
    hook = make(run)
    (Path(run.work_dir) / "best_mIoU_iter_9.pth").write_text("of a run that was killed")
    for step, score in ((1, 50.0), (2, 40.0), (3, 60.0)):
        run.iter = step
        hook.after_val_epoch(run, {"mIoU": score})
    assert "best_mIoU_iter_1.pth" in (Path(run.work_dir) / "best_mIoU_iter_3.pth").read_text()
    assert names(run) == ["best_mIoU_iter_3.pth", "iter_3.pth", "last_checkpoint"]
    run.iter, run.full = 4, True
    with pytest.raises(OSError, match="disk full"):
        hook.after_val_epoch(run, {"mIoU": 70.0})
    assert names(run) == ["best_mIoU_iter_3.pth", "iter_3.pth", "last_checkpoint"]


def test_what_a_killed_run_has_left(run, monkeypatch):
    hook = make(run)
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointHook, "_remove", lambda *_: None)  # killed before that
        for step in (1, 2):
            hook.save_now(run, step)
    (Path(run.work_dir) / "iter_3.pth.partial").touch()
    assert names(run) == ["iter_1.pth", "iter_2.pth", "iter_3.pth.partial", "last_checkpoint"]
    run.iter = 2
    hook = make(run)
    assert names(run) == ["iter_2.pth", "last_checkpoint"]
    hook.save_now(run, 3)
    assert names(run) == ["iter_3.pth", "last_checkpoint"]


@pytest.mark.parametrize("score", [40.0, 60.0])
def test_the_checkpoint_of_an_iteration_knows_its_validation(run, score):
    hook, saved, inner = make(run), [], run.save_checkpoint

    def save(folder, filename, *args, **kwargs):
        saved.append((filename, run.message_hub.runtime_info.get(VALIDATED)))
        inner(folder, filename, *args, **kwargs)

    run.save_checkpoint = save
    for step, metric in ((3, 50.0), (4, score)):
        if step == 4:
            hook.save_now(run, step)
        run.iter = step
        hook.after_val_epoch(run, {"mIoU": metric})
    best = [("best_mIoU_iter_4.pth", 4)] if score > 50 else []
    assert saved == [
        ("best_mIoU_iter_3.pth", 3), ("iter_3.pth", 3), ("iter_4.pth", 3), *best, ("iter_4.pth", 4),
    ]  # fmt: skip
    run.iter = 5  # of which there is no checkpoint
    hook.after_val_epoch(run, {"mIoU": 1.0})
    assert saved[-1] == ("iter_4.pth", 4)


OTHERS = [
    "best_mIoU_iter_1_copy.pth", "best_mIoU_mean_iter_1.pth", "iter_1.pth", "iter_1_copy.pth",
    "iter_2.pth.bak", "iter_best.pth", "iter_x.pth.partial", "my.pth.partial", "notes.txt",
]  # fmt: skip


def test_what_it_has_not_written_stays(run):
    for name in OTHERS:
        (Path(run.work_dir) / name).touch()
    hook = make(run)
    for step in (2, 3):
        hook.save_now(run, step)
        run.iter = step
        hook.after_val_epoch(run, {"mIoU": float(step)})
    assert names(run) == sorted([*OTHERS, "best_mIoU_iter_3.pth", "iter_3.pth", "last_checkpoint"])


def test_a_run_that_kept_all(run):
    hook = CheckpointHook(by_epoch=False, max_keep_ckpts=-1)
    hook.before_train(run)
    for step in (1, 2, 3):
        hook.save_now(run, step)
    run.iter = 3
    hook = make(run)
    for step in (4, 5):
        hook.save_now(run, step)
    assert names(run) == [*(f"iter_{n}.pth" for n in (1, 2, 3, 5)), "last_checkpoint"]


def test_a_checkpoint_that_is_kept_is_never_removed(run):
    # as a resumed run finds it that went back to iteration 1, which a later one had dropped
    for step in (1, 2, 3):
        (Path(run.work_dir) / f"iter_{step}.pth").touch()
    run.message_hub.update_info(DROPPED, [1, 2])
    run.message_hub.update_info("keep_ckpt_ids", [1, 3])
    run.iter = 3
    hook = CheckpointHook(by_epoch=False, max_keep_ckpts=2)
    hook.before_train(run)
    assert names(run) == ["iter_1.pth", "iter_3.pth"]
    run.message_hub.update_info(DROPPED, [1])
    hook.save_now(run, 3)  # is there already
    hook.save_now(run, 4)
    assert names(run) == ["iter_3.pth", "iter_4.pth", "last_checkpoint"]


def test_a_checkpoint_that_is_saved_again_with_its_validation_stays(run):
    hook = CheckpointHook(by_epoch=False, max_keep_ckpts=1)
    hook.before_train(run)
    hook.save_now(run, 1)
    run.message_hub.update_info(DROPPED, [1])
    run.iter = 1
    hook.after_val_epoch(run, {"mIoU": 1.0})
    assert names(run) == ["iter_1.pth", "last_checkpoint"]
