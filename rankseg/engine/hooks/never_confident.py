# SPDX-License-Identifier: Apache-2.0
"""Hook that warns at the end of a run if no pseudo-label was ever confident."""

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.unwrap import unwrap_method


class NeverConfidentHook(Hook):
    """Hook that warns after training if unlabeled images never contributed to it.

    Warm-up iterations make no pseudo-labels and do not count. A run that consists of warm-up only
    causes another warning before it starts.
    """

    def __init__(self) -> None:
        self._ever: torch.Tensor | None = None  # () bool, stays on the device
        self._steps = 0

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Track whether any pseudo-label is confident, without a device synchronization."""
        found = unwrap_method(runner).label_classes
        if found is not None:
            self._ever = found.any() if self._ever is None else self._ever | found.any()
            self._steps += 1

    def after_train(self, runner: Runner) -> None:
        """Warn if no pseudo-label was confident."""
        if self._ever is None:
            return
        ever = self._ever.long()
        all_reduce(ever, op="max")
        if ever.item():
            return
        method = unwrap_method(runner)
        reached, cure = "confident", "Train longer"
        if method.threshold is not None:
            reached = f"as confident as model.threshold={method.threshold}"
            cure = "Lower model.threshold, train longer"
        runner.logger.warning(
            f"In {self._steps} iterations no pixel of any unlabeled image was {reached}, so the "
            f"network learned nothing from pseudo-labels. {cure}, or use more labeled "
            "images."
        )
