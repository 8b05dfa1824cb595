# SPDX-License-Identifier: Apache-2.0
"""Hook that warns if a run seems to have collapsed to one class."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.evaluation.metric import RunMetric
from rankseg.models.methods import Method
from rankseg.registry import HOOKS

CROPS = (
    "labeled crops that contain foreground (min_foreground=0.02 of RandomResizeCropFlip in "
    "labeled_pipeline)"
)
LOSS = "a Dice term or class_weight in loss_decode of the head"
WARMUP = "a longer supervised warm-up (model.warmup, model.ramp)"
THRESHOLD = "a lower threshold for the rare class (model.threshold=(0.95, 0.7))"


def advice(method: Method) -> str:
    """Suggest remedies that the method supports."""
    tries = [CROPS, LOSS]
    if len(method.views) > 1:  # the method has unsupervised losses
        tries.append(WARMUP)
    if method.threshold is not None:
        tries.append(THRESHOLD)
    return f"Try {', '.join(tries[:-1])}, or {tries[-1]}."


@HOOKS.register_module()
class OneClassHook(Hook):
    """Hook that warns once each if pseudo-labels or validations contain only one class for long.

    A rare class lost in the first iterations may never recover, because all pseudo-labels are then
    "background". The run continues. The hook needs the IoU of every class, so it sets
    ``per_class=True`` on the metrics that support it.

    Args:
        patience: Number of iterations in a row in which all confident pseudo-labels have one class.
        validations: Number of validations in a row in which at most one class has an IoU above 0.

    Raises:
        ValueError: If an argument is below 1.
    """

    def __init__(self, patience: int = 500, validations: int = 3) -> None:
        expect(patience >= 1, "patience of OneClassHook", "1 or more", patience)
        expect(validations >= 1, "validations of OneClassHook", "1 or more", validations)
        self.patience = patience
        self.validations = validations
        self._seen: torch.Tensor | None = None  # (K,) bool, stays on the device
        self._steps = 0
        self._warned = False
        self._bad = 0

    def before_train(self, runner: Runner) -> None:
        """Make the validation report the IoU of every class."""
        for metric in runner.val_evaluator.metrics if runner.val_loop is not None else ():
            if isinstance(metric, RunMetric):
                metric.per_class = True

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Check the classes of pseudo-labels every ``patience`` iterations."""
        model = unwrap_method(runner)
        found = model.label_classes
        if found is None or self._warned:  # no pseudo-labels (yet), or already warned
            return
        self._seen = found if self._seen is None else self._seen | found
        self._steps += 1
        if self._steps < self.patience:
            return
        present = self._seen.nonzero().flatten().tolist()
        self._seen, self._steps = None, 0
        if len(present) == 1 and len(found) > 1:
            self._warned = True
            name = runner.train_dataloader.dataset.metainfo["classes"][present[0]]
            runner.logger.warning(
                f"In {self.patience} iterations every confident pseudo-label was of class "
                f"'{name}'. {advice(model)}"
            )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Check the classes of one validation."""
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
                f"In {self.validations} validations in a row {what} was predicted correctly "
                f"anywhere. {advice(unwrap_method(runner))}"
            )
