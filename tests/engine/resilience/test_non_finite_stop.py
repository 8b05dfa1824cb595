# SPDX-License-Identifier: Apache-2.0
import logging
import resource
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from rankseg.engine.hooks import CheckpointHook, NonFiniteStopHook
from rankseg.engine.resilience.non_finite_stop import save_batch
from rankseg.errors import RunEnded
from rankseg.testing.toy import toy_batch
from rankseg.utils.atomic_file import WriteError


def batch():
    inputs, samples = toy_batch()
    for view, some in samples.items():
        for i, sample in enumerate(some):
            sample.set_metainfo({"img_path": f"{view} {i}.png"})
    return {"inputs": inputs, "data_samples": samples}


def stand_in(tmp_path, in_a_row: int):
    said = {"steps_skipped": [in_a_row, 12]}
    hub = SimpleNamespace(get_info=said.get, update_info=said.__setitem__)
    logger = logging.getLogger("test_non_finite_stop")
    return said, SimpleNamespace(
        message_hub=hub, iter=41, work_dir=str(tmp_path), hooks=[], logger=logger
    )


def test_saves_state_and_batch_then_stops(tmp_path, monkeypatch):
    said, runner = stand_in(tmp_path, 3)
    saved = []
    hook = CheckpointHook.__new__(CheckpointHook)
    monkeypatch.setattr(CheckpointHook, "save_now", lambda self, _, step: saved.append(step))
    runner.hooks = [object(), hook]
    data, terms = batch(), {"loss": torch.tensor(float("nan")), "loss_x": torch.tensor(2.0)}
    NonFiniteStopHook(patience=4).after_train_iter(runner, 41, data, terms)
    assert not saved and not list(tmp_path.iterdir())
    match = (
        r"^Training stopped at iteration 42, .* NaN or infinite in 3 steps in a row, .* Check the "
        r"images and labels of the last batch in .*non_finite_iter_42\.pt\. .*lower learn"
    )
    with pytest.raises(RunEnded, match=match):
        NonFiniteStopHook(patience=3).after_train_iter(runner, 41, data, terms)
    assert saved == [42]
    content = torch.load(tmp_path / "non_finite_iter_42.pt", weights_only=True)
    assert content["iteration"] == 42 and content["terms"]["loss_x"] == 2
    assert content["paths"] == ["labeled 0.png", "labeled 1.png", "weak 0.png", "weak 1.png"]
    assert all(
        torch.equal(content["inputs"][view], data["inputs"][view]) for view in data["inputs"]
    )
    truth = data["data_samples"]["labeled"][1].gt_sem_seg.data
    assert torch.equal(content["labels"]["labeled"][1], truth) and content["labels"]["weak"] == []
    assert [file.name for file in tmp_path.iterdir()] == ["non_finite_iter_42.pt"]


def test_a_resumed_run_has_its_patience_back(tmp_path):
    said, runner = stand_in(tmp_path, 3)
    NonFiniteStopHook(patience=4).before_train(runner)
    assert said["steps_skipped"] == [3, 12]
    NonFiniteStopHook(patience=3).before_train(runner)
    assert said["steps_skipped"] == [0, 12]


@pytest.fixture
def full_disk(monkeypatch):
    """As good as one: what is written at once may not be larger than this."""
    write = Path.write_bytes

    def limited(self, data):
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limit[1]))  # of this process: not for long
        try:
            return write(self, data)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    monkeypatch.setattr(Path, "write_bytes", limited)


def test_a_batch_that_cannot_be_written_leaves_nothing(tmp_path, full_disk):
    with pytest.raises(WriteError, match=r"a\.pt could not be written .*Free space"):
        save_batch(tmp_path / "a.pt", 1, batch(), {})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_does_not_hide_the_reason(tmp_path, full_disk, monkeypatch, caplog):
    def save_now(*_):
        raise WriteError("iter_42.pth could not be written")

    _, runner = stand_in(tmp_path, 3)
    runner.hooks = [CheckpointHook.__new__(CheckpointHook)]
    monkeypatch.setattr(CheckpointHook, "save_now", save_now)
    with pytest.raises(
        RunEnded, match=r"NaN or infinite .* Check .* of the last batch \(labeled 0.png, "
    ):
        NonFiniteStopHook(patience=3).after_train_iter(runner, 41, batch(), {})
    assert "iter_42.pth could not be" in caplog.text
    assert "non_finite_iter_42.pt could not be written (File too large)" in caplog.text
    assert not list(tmp_path.iterdir())


def test_patience_of_none():
    with pytest.raises(
        ValueError, match="patience of NonFiniteStopHook to be 1 or more, but got 0"
    ):
        NonFiniteStopHook(patience=0)
