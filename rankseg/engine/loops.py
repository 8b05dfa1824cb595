# SPDX-License-Identifier: Apache-2.0
"""Training loop whose length is a number of passes over the unlabeled images."""

from math import isfinite
from typing import Any

from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader

from rankseg.registry import LOOPS


@LOOPS.register_module()
class PassTrainLoop(IterBasedTrainLoop):
    """Iteration-based loop whose length is given in passes over the unlabeled images.

    The loader is endless, so workers continue from one pass to the next without a pause. A run can
    resume at any iteration: the sampler jumps there and replays nothing.

    Args:
        runner: The runner.
        dataloader: Data loader, or its config, with a
            :class:`~rankseg.datasets.samplers.labeled_unlabeled.LabeledUnlabeledSampler`.
        max_epochs: Number of passes over the unlabeled images, or over the labeled ones if the
            sampler says ``epoch_of="labeled"``.
        val_epochs: Number of passes between two validations.
        max_iters: Length in iterations, instead of ``max_epochs``.
        val_interval: Iterations between two validations, instead of ``val_epochs``.
        **kwargs: Arguments of MMEngine's ``IterBasedTrainLoop``.

    Raises:
        ValueError: If not exactly one length is given, or a number is not above 0.
    """

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        max_epochs: int | None = None,
        val_epochs: float = 1,
        max_iters: int | None = None,
        val_interval: int | None = None,
        **kwargs,
    ) -> None:
        check_loop(max_epochs, val_epochs, max_iters, val_interval)
        if isinstance(dataloader, dict):
            # all processes share the sampler's seed, even if they draw different random numbers
            seed = runner.cfg.get("randomness", {}).get("seed")
            dataloader = runner.build_dataloader(dataloader, seed=seed, diff_rank_seed=False)
        per_pass = dataloader.sampler.iters_per_epoch
        super().__init__(
            runner,
            dataloader,
            max_iters=int(max_iters or iterations_of(max_epochs, per_pass)),
            val_interval=int(val_interval or iterations_of(val_epochs, per_pass)),
            **kwargs,
        )


def iterations_of(epochs: float, per_pass: int) -> int:
    """Convert passes over the unlabeled images to iterations, at least 1."""
    return max(1, round(epochs * per_pass))


def check_loop(
    max_epochs: float | None = None,
    val_epochs: float = 1,
    max_iters: int | None = None,
    val_interval: int | None = None,
) -> None:
    """Check the length and the interval; arguments as in :class:`PassTrainLoop`."""
    if (max_epochs is None) == (max_iters is None):
        raise ValueError(
            "Expected train_cfg to have either max_epochs, passes over the unlabeled images, or "
            f"max_iters, but got max_epochs={max_epochs} and max_iters={max_iters}."
        )
    for name, value in (("max_iters", max_iters), ("val_interval", val_interval)):
        if value is not None and not (_is_number(value) and value >= 1 and value == int(value)):
            raise ValueError(
                f"Expected train_cfg.{name} to be a whole number of iterations, 1 or more, but got "
                f"{value!r}. Set --cfg-options train_cfg.{name}=1000, for example."
            )
    for name, value in (("max_epochs", max_epochs), ("val_epochs", val_epochs)):
        if value is not None and not (_is_number(value) and value > 0):
            raise ValueError(
                f"Expected train_cfg.{name} to be a number of passes above 0, but got {value!r}. "
                f"Set --cfg-options train_cfg.{name}=1, for example."
            )


def _is_number(value: Any) -> bool:
    """Check that a value is a finite number and not a bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
