# SPDX-License-Identifier: Apache-2.0
"""When and from which images the statistics of a classifier's features are computed."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.engine.features import Features
from rankseg.engine.hooks import FeatureStatisticsHook
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_classifier


def supervised(**head):
    init_default_scope("rankseg")
    student = toy_classifier()
    student["decode_head"] |= head
    preprocessor = dict(type="ViewPreprocessor", mean=[0.0] * 3, std=[1.0] * 3)
    return MODELS.build(dict(type="Supervised", student=student, data_preprocessor=preprocessor))


def run(model, labeled=6):
    dataset = SimpleNamespace(num_labeled=labeled)
    loader = SimpleNamespace(dataset=dataset, sampler=None, num_workers=0)
    val = SimpleNamespace(dataset=SimpleNamespace(pipeline=None))
    return SimpleNamespace(
        model=model, train_dataloader=loader, val_dataloader=val, val_loop=True, max_iters=9
    )


@pytest.fixture
def hook(monkeypatch):
    hook = FeatureStatisticsHook()
    hook.calls = []

    def extract(runner, indices):
        hook.calls.append(list(indices))
        size = runner.model.student.decode_head.in_channels
        generator = torch.Generator().manual_seed(0)
        return Features(torch.randn(len(indices), size, generator=generator), None)

    monkeypatch.setattr(hook, "extract", extract)
    return hook


BRANCH = dict(
    branches=dict(hidden=dict(type="StandardizedLayer", out_channels=5)), classify="hidden"
)


def test_fits_once_on_all_labeled_images(hook):
    model = supervised(**BRANCH)
    layer = model.student.decode_head.branches["hidden"]
    hook.before_train(run(model))
    assert hook.calls == [list(range(6))] and layer.fitted
    size = model.student.decode_head.in_channels
    feature = torch.randn(6, size, generator=torch.Generator().manual_seed(0))
    unit = feature / feature.norm(dim=1, keepdim=True)
    torch.testing.assert_close(layer.mean, unit.mean(0))
    torch.testing.assert_close(layer.variance, unit.var(0))
    hook.before_train(run(model))
    assert len(hook.calls) == 1


def test_a_tiny_run_uses_few_images(hook):
    config = FeatureStatisticsHook.make_tiny(dict(type="FeatureStatisticsHook"), None)
    hook.num_images = config["num_images"]
    hook.before_train(run(supervised(**BRANCH)))
    assert hook.calls == [[0, 1, 2, 3]]


def test_refused(hook):
    with pytest.raises(ValueError, match="StandardizedLayer in model.student .*got none"):
        hook.before_train(run(supervised()))
    with pytest.raises(ValueError, match="at least 2 labeled images .*got 1"):
        hook.before_train(run(supervised(**BRANCH), labeled=1))
