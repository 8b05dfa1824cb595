# SPDX-License-Identifier: Apache-2.0
import json
import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import get_priority

from rankseg.engine.hooks import PseudoLabelHook
from rankseg.models.layers import PseudoLabelQuality


@pytest.fixture
def runner(tmp_path):
    dataset = SimpleNamespace(metainfo={"classes": ("cat", "dog")})
    said = []
    return SimpleNamespace(
        iter=0,
        max_iters=5,
        work_dir=str(tmp_path),
        cfg=Config(dict(model=dict(type="FixMatch"))),
        model=SimpleNamespace(quality=PseudoLabelQuality(2)),
        train_dataloader=SimpleNamespace(dataset=dataset),
        visualizer=SimpleNamespace(add_scalars=lambda values, step: said.append((step, values))),
        said=said,
        logger=logging.getLogger("test"),
        _train_loop=object(),
    )


def train(hook, runner, until):
    """Every iteration one pseudo-label: wrong at first, right and confident from the third on."""
    hook.before_train(runner)
    while runner.iter < until:
        late = runner.iter >= 2
        label, sure = torch.tensor([[[int(late)]]]), torch.tensor([[[late]]])
        if runner.model.quality is not None:
            runner.model.quality.update(label, sure, torch.ones_like(label))
        hook.after_train_iter(runner, runner.iter)
        runner.iter += 1
        if runner.iter % 2 == 0:
            hook.after_val_epoch(runner, {"top1": 10.0 * runner.iter})


def read(tmp_path):
    return json.loads((tmp_path / "pseudo_labels.json").read_text())


def test_counts_by_interval_and_the_rest_at_the_end(runner, tmp_path):
    hook = PseudoLabelHook(interval=2)
    train(hook, runner, 5)
    hook.after_train(runner)
    first, second, third = read(tmp_path)["history"]
    assert first == {
        "iteration": 2,
        "count": 2,
        "confident": 0.0,
        "accuracy": 0.0,
        "confident_accuracy": None,
        "labels": None,
        "truth": [0.0, 100.0],
    }
    assert (second["iteration"], second["count"], second["accuracy"]) == (4, 2, 100.0)
    assert (third["iteration"], third["count"], third["labels"]) == (5, 1, [0.0, 100.0])
    assert read(tmp_path)["validations"] == [[2, 20.0], [4, 40.0]]
    assert runner.said[0] == (2, {"pseudo_labels/confident": 0, "pseudo_labels/accuracy": 0})
    assert (tmp_path / "pseudo_labels.png").is_file()


@pytest.mark.parametrize(("start", "kept"), [(2, [2]), (0, [])])
def test_a_resumed_run_keeps_what_it_had_up_to_there(runner, tmp_path, start, kept):
    train(PseudoLabelHook(interval=2), runner, 5)
    runner.iter = start
    hook = PseudoLabelHook(interval=2)
    hook.before_train(runner)
    assert [entry["iteration"] for entry in hook.notes["history"]] == kept
    assert [at for at, _ in hook.notes["validations"]] == kept


def test_a_method_that_counts_nothing(runner, tmp_path):
    runner.model.quality = None
    hook = PseudoLabelHook(interval=2)
    train(hook, runner, 5)
    hook.after_train(runner)
    assert not (tmp_path / "pseudo_labels.png").exists()


def test_counts_are_reset_before_a_checkpoint_is_written():
    assert get_priority(PseudoLabelHook.priority) < get_priority(CheckpointHook.priority)


@pytest.mark.parametrize(
    "past",
    [
        [],
        {"history": []},
        {"history": [3], "validations": []},
        {"history": [{"iteration": "3"}], "validations": []},
        {"history": [], "validations": [["3", 1.0]]},
        {"history": [], "validations": [[3]]},
    ],
)
def test_notes_of_another_form_are_begun_again(runner, tmp_path, past):
    (tmp_path / "pseudo_labels.json").write_text(json.dumps(past))
    runner.iter = 4
    hook = PseudoLabelHook()
    hook.before_train(runner)
    assert hook.notes["history"] == hook.notes["validations"] == []
