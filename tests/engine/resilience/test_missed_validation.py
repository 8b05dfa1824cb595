# SPDX-License-Identifier: Apache-2.0
"""That the resumed run is the same is in tests/reliability."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.runner import IterBasedTrainLoop

from rankseg.engine.resilience.checkpoint_hook import VALIDATED
from rankseg.engine.resilience.missed_validation import MissedValidationHook


@pytest.mark.parametrize(
    ("iteration", "known", "begin", "made_up"),
    [
        (0, None, 1, False),  # a new run
        (10, None, 1, True),
        (10, 5, 1, True),  # of an earlier iteration
        (10, 10, 1, False),  # done
        (12, 10, 1, False),  # none was due
        (23, 20, 1, True),  # the end of the run
        (10, None, 11, False),  # validations begin later
    ],
)
def test_when(iteration, known, begin, made_up):
    loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    loop.__dict__.update(
        _iter=iteration, _max_iters=23, val_interval=5, val_begin=begin,
        dynamic_milestones=[0], dynamic_intervals=[5],
    )  # fmt: skip
    runs = []
    runner = SimpleNamespace(
        iter=iteration,
        train_loop=loop,
        val_loop=SimpleNamespace(run=lambda: runs.append(1)),
        logger=logging.getLogger("test"),
        message_hub=SimpleNamespace(
            runtime_info={VALIDATED: known},
            update_info=lambda key, value: runs.append((key, value)),
        ),
    )
    MissedValidationHook().before_train_epoch(runner)
    assert runs == ([("iter", iteration - 1), 1] if made_up else [])
    runner.val_loop = None
    MissedValidationHook().before_train_epoch(runner)
