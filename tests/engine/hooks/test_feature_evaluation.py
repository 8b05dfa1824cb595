# SPDX-License-Identifier: Apache-2.0
"""What the hook refuses, and when it evaluates; that it is right is tested with its tool."""

from types import SimpleNamespace

import numpy as np
import pytest

from rankseg.engine.hooks import FeatureEvaluationHook
from rankseg.testing.toy import toy_classifier, toy_student

PROJECTION = dict(type="Projector", out_channels=4)


class Halves(SimpleNamespace):
    """As much of a training set as is asked: two labeled and three unlabeled images."""

    def __init__(self, truth=(0, 1, -1)):
        half = [SimpleNamespace(class_ids=lambda ids=ids: np.array(ids)) for ids in ([0, 1], truth)]
        super().__init__(labeled=half[0], unlabeled=half[1], num_labeled=2, include_labeled=False)


def runner(method, tmp_path, iteration=0, val=True):
    return SimpleNamespace(
        model=method,
        iter=iteration,
        max_iters=10,
        val_loop=object() if val else None,
        val_dataloader=SimpleNamespace(dataset=[]),
        train_dataloader=SimpleNamespace(dataset=Halves(), sampler=None),
        work_dir=str(tmp_path),
    )


@pytest.fixture
def method():
    from mmengine.registry import init_default_scope

    from rankseg.registry import MODELS

    init_default_scope("rankseg")
    return MODELS.build(dict(type="Supervised", student=toy_classifier()))


def test_images_that_are_known(method, tmp_path):
    hook = FeatureEvaluationHook(5, knn=(1, 4), probes=("all", "labeled"))
    hook.before_train(runner(method, tmp_path))
    assert hook.indices == [0, 1, 2, 3] and hook.labels.tolist() == [0, 1, 0, 1]
    assert {name: rows.tolist() for name, rows in hook.rows.items()} == {
        "all": [0, 1, 2, 3],
        "labeled": [0, 1],
    }
    hook = FeatureEvaluationHook(5, knn=(1,), bank="labeled")
    hook.before_train(runner(method, tmp_path))
    assert hook.indices == [0, 1]


@pytest.mark.parametrize(("interval", "times"), [(0, [10]), (4, [4, 8, 10]), (5, [5, 10])])
def test_when(method, tmp_path, monkeypatch, interval, times):
    found, hook = [], FeatureEvaluationHook(interval, knn=(1,))
    monkeypatch.setattr(hook, "evaluate", lambda run: found.append(run.iter + 1))
    run = runner(method, tmp_path)
    for run.iter in range(10):
        hook.after_train_iter(run, run.iter)
    assert found == times


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(interval=-1), "interval of FeatureEvaluationHook to be 0 or more, but got -1"),
        (dict(interval=1, knn=()), "Expected knn or probes"),
        (dict(interval=1, network="both"), "network='both'"),
        (dict(interval=1, knn=(5,)), "k to be 1 to 4, .* but got 5"),
        (dict(interval=1, knn=(3,), bank="labeled"), "k to be 1 to 2, .* but got 3"),
        (dict(interval=1, knn=(1,), bank="none"), "bank to be one of labeled, all, but got 'none'"),
        (dict(interval=1, knn=(1,), network="teacher"), "has no network 'teacher'"),
        (dict(interval=1, knn=(1,), tap="neck"), "tap of FeatureEvaluationHook .*got 'neck'"),
        (dict(interval=1, knn=(1,), probes=("101%",)), "share of a probe to be above 0% .* '101%'"),
    ],
)
def test_mistakes(method, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        FeatureEvaluationHook(**options).before_train(runner(method, tmp_path))


def test_segmentation_and_runs_without_validation_are_refused(method, tmp_path):
    hook = FeatureEvaluationHook(5, knn=(1,))
    with pytest.raises(ValueError, match="Expected val_dataloader, "):
        hook.before_train(runner(method, tmp_path, val=False))
    from rankseg.registry import MODELS

    masks = MODELS.build(dict(type="Supervised", student=toy_student()))
    with pytest.raises(ValueError, match="to be an ImageLevelHead for FeatureEvaluationHook"):
        hook.before_train(runner(masks, tmp_path))
