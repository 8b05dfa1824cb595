# SPDX-License-Identifier: Apache-2.0
"""Says when a run seems to have collapsed to one class."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.method_of import method_of
from rankseg.registry import HOOKS

CROPS = (
    "labelled crops that hold foreground (min_foreground=0.02 of RandomResizeCropFlip in "
    "labeled_pipeline)"
)
LOSS = "a Dice term or class_weight in loss_decode of the head"
WARMUP = "a longer supervised warm-up (model.warmup, model.ramp)"
THRESHOLD = "a lower threshold for the rare class (model.threshold=(0.95, 0.7))"


def advice(method: Any) -> str:
    """What to try, of what the method has."""
    tries = [CROPS, LOSS]
    if len(getattr(method, "views", ())) > 1:  # it has unsupervised terms
        tries.append(WARMUP)
    if hasattr(method, "threshold"):
        tries.append(THRESHOLD)
    return f"try {', '.join(tries[:-1])}, or {tries[-1]}"


@HOOKS.register_module()
class OneClassHook(Hook):
    """Warns, once for each, when pseudo-labels or validations have had one class only for long.

    A rare class that is lost in the first iterations may never come back: all that is trained on
    then says "background". The run goes on. Validations are judged by the IoU of every class, so
    ``per_class=True`` is set on the metrics that have it.

    Args:
        patience: Iterations in a row in which all confident pseudo-labels were of one class.
        validations: Validations in a row in which one class at most had an IoU above 0.

    Raises:
        ValueError: If one of them is below 1.
    """

    def __init__(self, patience: int = 500, validations: int = 3) -> None:
        if patience < 1 or validations < 1:
            raise ValueError(
                f"OneClassHook(patience={patience}, validations={validations}): expected 1 or more"
            )
        self.patience = patience
        self.validations = validations
        self._seen: torch.Tensor | None = None  # (K,) bool, stays on the device
        self._steps = 0
        self._told = False
        self._bad = 0

    def before_train(self, runner: Runner) -> None:
        """Have the validation tell the IoU of every class."""
        for metric in runner.val_evaluator.metrics if runner.val_loop is not None else ():
            if not getattr(metric, "per_class", True):
                metric.per_class = True

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Look at the classes of pseudo-labels, every ``patience`` iterations."""
        model = method_of(runner)
        found = getattr(model, "label_classes", None)
        if found is None or self._told:  # no pseudo-labels (yet), or nothing left to say
            return
        self._seen = found if self._seen is None else self._seen | found
        self._steps += 1
        if self._steps < self.patience:
            return
        present = self._seen.nonzero().flatten().tolist()
        self._seen, self._steps = None, 0
        if len(present) == 1 and len(found) > 1:
            self._told = True
            name = runner.train_dataloader.dataset.metainfo["classes"][present[0]]
            runner.logger.warning(
                f"for {self.patience} iterations every confident pseudo-label was of class "
                f"'{name}': {advice(model)}"
            )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Look at the classes of one validation."""
        iou = {
            key.removeprefix("IoU/"): value
            for key, value in (metrics or {}).items()
            if key.startswith("IoU/")
        }
        if len(iou) < 2 or runner._train_loop is None or self._bad >= self.validations:
            return
        alive = [name for name, value in iou.items() if value > 0]
        self._bad = self._bad + 1 if len(alive) < 2 else 0
        if self._bad == self.validations:
            what = f"no class but '{alive[0]}'" if alive else "no class"
            runner.logger.warning(
                f"in {self.validations} validations in a row {what} was found anywhere: "
                f"{advice(method_of(runner))}"
            )
