# SPDX-License-Identifier: Apache-2.0
"""A run that has collapsed says so once, and one that has not says nothing."""

import logging
import re
from types import SimpleNamespace

import pytest
import torch

from rankseg.engine.hooks import OneClassHook
from rankseg.evaluation import SegmentationMetric


@pytest.fixture
def runner():
    dataset = SimpleNamespace(metainfo={"classes": ("background", "cell")})
    return SimpleNamespace(
        model=SimpleNamespace(label_classes=None, views=("labeled", "weak"), threshold=0.95),
        train_dataloader=SimpleNamespace(dataset=dataset),
        logger=logging.getLogger("test"),
        _train_loop=object(),
    )


def train(hook, runner, steps):
    """Steps of which each tells the classes of its confident pseudo-labels."""
    for classes in steps:
        if classes is not None:
            runner.model.label_classes = torch.tensor([i in classes for i in range(2)])
        hook.after_train_iter(runner, 0)


def test_pseudo_labels_of_one_class_are_told_once(runner, caplog):
    hook = OneClassHook(patience=4)
    train(hook, runner, [None] * 9 + [[0], [], [0]])  # warm-up, then not long enough
    assert not caplog.records
    train(hook, runner, [[0]] * 9)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    text = record.getMessage()
    assert text.startswith("In 4 iterations every confident pseudo-label was of class 'backgr")
    assert "min_foreground" in text and "model.warmup" in text and "\n" not in text


@pytest.mark.parametrize("steps", [[[0], [0], [0, 1], [0]], [[0], [1], [0], [0]], [[]] * 4])
def test_a_class_now_and_then_is_enough(runner, caplog, steps):
    train(OneClassHook(patience=4), runner, steps * 5)
    assert not caplog.records


def validate(hook, runner, values):
    for cell in values:
        hook.after_val_epoch(runner, {"mIoU": 1.0, "IoU/background": 90.0, "IoU/cell": cell})


def test_validations_of_one_class_are_told_once(runner, caplog):
    hook = OneClassHook(validations=3)
    validate(hook, runner, [0.0, 0.0, 0.1, 0.0, 0.0])
    assert not caplog.records
    validate(hook, runner, [0.0] * 8)
    (record,) = caplog.records
    assert "3 validations in a row no class but 'background' was predicted" in record.getMessage()


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ({"views": ("labeled",)}, []),
        ({"views": ("labeled", "weak")}, ["model.warmup"]),
        ({"views": ("labeled", "weak"), "threshold": 0.9}, ["model.warmup", "model.threshold"]),
    ],
)
def test_the_advice_names_what_the_method_has(runner, caplog, method, told):
    runner.model = SimpleNamespace(**{"views": ("labeled",), "threshold": None, **method})
    validate(OneClassHook(validations=1), runner, [0.0])
    text = caplog.records[0].getMessage()
    assert re.findall(r"model\.(?:warmup|threshold)", text) == told
    assert "min_foreground" in text and "class_weight" in text


def test_tests_and_metrics_without_classes_are_left_alone(runner, caplog):
    hook = OneClassHook(validations=1)
    for metrics in (None, {"mIoU": 0.0}, {"IoU/cell": 0.0}):
        hook.after_val_epoch(runner, metrics)
    runner._train_loop = None
    validate(hook, runner, [0.0])
    assert not caplog.records


@pytest.mark.parametrize("options", [dict(patience=0), dict(validations=0)])
def test_numbers_that_cannot_be(options):
    with pytest.raises(ValueError, match="of OneClassHook to be 1 or more"):
        OneClassHook(**options)


def test_it_asks_for_the_figure_that_it_judges_by(runner):
    metrics = [SegmentationMetric(), SimpleNamespace(name="has no classes")]
    runner.val_loop = object()
    runner.val_evaluator = SimpleNamespace(metrics=metrics)
    OneClassHook().before_train(runner)
    assert metrics[0].per_class is True and not hasattr(metrics[1], "per_class")
    runner.val_loop = None
    OneClassHook().before_train(runner)
