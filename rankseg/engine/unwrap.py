# SPDX-License-Identifier: Apache-2.0
"""Access to the method of a runner, with or without a distributed wrapper."""

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from rankseg.models.methods import Method


def unwrap_method(runner: Runner) -> Method:
    """Return the runner's method without its distributed wrapper."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
