# SPDX-License-Identifier: Apache-2.0
"""Hook that seeds random numbers by iteration."""

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Hook that seeds PyTorch, NumPy and Python by (run seed, iteration, process).

    Boxes, agents and dropout then depend only on the iteration, so a resumed run draws the same
    random numbers without saved state. The data set seeds samples likewise.
    """

    priority = "VERY_HIGH"

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        """Seed the following step."""
        entropy = (runner.seed, runner.iter, get_rank())
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
