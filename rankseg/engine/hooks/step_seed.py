# SPDX-License-Identifier: Apache-2.0
"""Random numbers that belong to the iteration, not to what ran before it."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seeds every iteration by (seed of the run, iteration, process): torch, NumPy and Python.

    Boxes, agents and dropout are then those of the iteration, whether the run came here at once or
    was resumed: there is no state to save. Samples are seeded likewise by the data set.
    """

    priority = "VERY_HIGH"

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        """Seed the step that follows."""
        entropy = (runner.seed, runner.iter, get_rank())
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
