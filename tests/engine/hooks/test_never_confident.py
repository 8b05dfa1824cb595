# SPDX-License-Identifier: Apache-2.0
"""A run whose unlabeled images never counted says so at its end, and no other does."""

import logging
from types import SimpleNamespace

import pytest
import torch

from rankseg.engine.hooks.never_confident import NeverConfidentHook


def train(steps, **method):
    """A run of iterations with these classes in their confident pseudo-labels; None in warm-up."""
    model = SimpleNamespace(**{"label_classes": None, "threshold": None, **method})
    runner = SimpleNamespace(model=model, logger=logging.getLogger("test"))
    hook = NeverConfidentHook()
    for classes in steps:
        if classes is not None:
            model.label_classes = torch.tensor([i in classes for i in range(3)])
        hook.after_train_iter(runner, 0)
    hook.after_train(runner)


def test_nothing_was_ever_confident(caplog):
    train([None, None, [], [], []], threshold=0.9999999)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    text = record.getMessage()
    assert text.startswith("In 3 iterations no pixel of any unlabeled image was as confident as ")
    assert "learned nothing from pseudo-labels" in text  # RankMatch also has a loss without them
    assert "model.threshold=0.9999999, so" in text and ". Lower model.threshold, train" in text


def test_a_method_without_a_threshold(caplog):
    train([[]])
    assert "image was confident, so" in caplog.text and "threshold" not in caplog.text


@pytest.mark.parametrize("steps", [[], [None, None], [[], [2], []], [[0]], [[], [], [1]]])
def test_others_say_nothing(caplog, steps):
    train(steps, threshold=0.95)
    assert not caplog.records
