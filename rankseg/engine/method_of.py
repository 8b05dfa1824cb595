# SPDX-License-Identifier: Apache-2.0
"""The method that a runner trains, also where several processes share the work."""

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from rankseg.models.methods import Method


def method_of(runner: Runner) -> Method:
    """The method itself, without the wrapper that keeps several processes alike."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
