# SPDX-License-Identifier: Apache-2.0
"""The hook on a memory that a method has filled."""

import json
import logging
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.engine.hooks import NeighborPurityHook
from rankseg.evaluation.neighbor_purity import neighbor_purity
from rankseg.models.memory.mean_shift import Targets
from rankseg.registry import HOOKS, MODELS
from rankseg.testing.toy import toy_classifier

TRUTH = np.arange(30) % 3


def method(**options):
    init_default_scope("rankseg")
    student = toy_classifier()
    student.decode_head.branches = dict(projection=dict(type="Projector", out_channels=6))
    options = dict(num_images=30, memory_size=20, k=3, search=4, **options)
    predictor = dict(type="Projector", hidden_channels=8)
    return MODELS.build(
        dict(
            type="CMSF", student=student, predictor=predictor, teacher=dict(momentum=0.1), **options
        )
    )


def test_is_found_by_its_old_name():
    hook = HOOKS.build(dict(type="NeighbourPurityHook", interval=1))
    assert type(hook) is HOOKS.get("NeighborPurityHook") is NeighborPurityHook


def fill(model, count, known, seed=0):
    generator = torch.Generator().manual_seed(seed)
    index = torch.randperm(30, generator=generator)[:count]
    feature, previous = torch.randn(2, count, 6, generator=generator).unbind()
    feature[range(count), TRUTH[index]] += 2
    label = torch.full((count,), -1)
    model.memory.write(Targets(feature, label, index, previous, torch.arange(count) < known))
    return feature, previous, index


def runner(model, tmp_path, iteration=0, truth=TRUTH):
    said = []
    unlabeled = SimpleNamespace(class_ids=lambda: np.asarray(truth))
    return SimpleNamespace(
        model=model,
        iter=iteration,
        max_iters=9,
        work_dir=str(tmp_path),
        logger=logging.getLogger("test"),
        visualizer=SimpleNamespace(add_scalars=lambda values, step: said.append((step, values))),
        said=said,
        val_loop=None,
        train_dataloader=SimpleNamespace(
            dataset=SimpleNamespace(unlabeled=unlabeled), sampler=None
        ),
    )


def test_reads_the_entries_that_have_a_feature_of_the_pass_before(tmp_path):
    model, hook = method(), NeighborPurityHook(3)
    feature, previous, index = fill(model, count=15, known=12)
    hook.before_train(runner(model, tmp_path))
    found = hook.measure(model)
    wanted = neighbor_purity(
        feature[:12],
        previous[:12],
        torch.from_numpy(TRUTH)[index[:12]],
        torch.arange(12),
        k=3,
        k_previous=4,
    )
    assert found[:4] == pytest.approx(wanted[:4]) and torch.equal(found.ranks, wanted.ranks)
    few = NeighborPurityHook(3, k=2, queries=5)
    few.before_train(runner(model, tmp_path))
    assert len(few.measure(model).ranks) == 5


def test_a_memory_too_empty_says_nothing(tmp_path):
    model, hook = method(), NeighborPurityHook(3)
    run = runner(model, tmp_path)
    hook.before_train(run)
    assert hook.measure(model) is None
    fill(model, count=15, known=3)  # search is 4
    hook.record(run)
    assert not run.said and not list(tmp_path.iterdir())


def test_files_and_a_resumed_run(tmp_path):
    model = method()
    fill(model, count=20, known=20)
    run, hook = runner(model, tmp_path), NeighborPurityHook(3)
    hook.before_train(run)
    for run.iter in range(9):
        hook.after_train_iter(run, run.iter)
    assert [step for step, _ in run.said] == [3, 6, 9]
    notes = json.loads((tmp_path / "neighbours.json").read_text())
    assert [note["iteration"] for note in notes] == [3, 6, 9]
    assert sum(notes[0]["ranks"]) == 20
    for name in ("neighbours.png", "neighbours_ranks.png"):
        assert cv2.imread(str(tmp_path / name)) is not None
    resumed = NeighborPurityHook(3)
    run = runner(model, tmp_path, iteration=6)  # from the checkpoint after six iterations
    resumed.before_train(run)
    for run.iter in range(6, 9):
        resumed.after_train_iter(run, run.iter)
    assert json.loads((tmp_path / "neighbours.json").read_text()) == notes


@pytest.mark.parametrize(
    ("hook", "model", "truth", "message"),
    [
        (dict(interval=-1), {}, TRUTH, "interval .* 0 or more, but got -1"),
        (dict(interval=1, k=1), {}, TRUTH, "k .* 2 or more, but got 1"),
        (dict(interval=1), dict(constraint=None), TRUTH, "constraint to be 'previous' .* got None"),
        (dict(interval=1), {}, -np.ones(30, int), "unlabeled images with a known class"),
    ],
)
def test_mistakes(tmp_path, hook, model, truth, message):
    with pytest.raises(ValueError, match=message):
        NeighborPurityHook(**hook).before_train(runner(method(**model), tmp_path, truth=truth))


def test_one_neighbor_is_oneself(tmp_path):
    model = method()
    model.k = 1
    with pytest.raises(ValueError, match="model.k=1 is the image itself alone"):
        NeighborPurityHook(1).before_train(runner(model, tmp_path))
