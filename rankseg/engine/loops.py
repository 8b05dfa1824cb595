# SPDX-License-Identifier: Apache-2.0
"""Training for a number of passes over the unlabelled images."""

from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader

from rankseg.registry import LOOPS


@LOOPS.register_module()
class PassTrainLoop(IterBasedTrainLoop):
    """mmengine's iteration loop, its length given in passes over the unlabelled images.

    The loader never ends, so workers go on from one pass to the next without a stop, and a run can
    be resumed at any iteration: the sampler is put there at once, nothing is replayed.

    Args:
        runner: The runner.
        dataloader: A loader, or its config, with a
            :class:`~rankseg.datasets.samplers.LabeledUnlabeledSampler`.
        max_epochs: Passes over the unlabelled images.
        val_epochs: Passes between two validations.
        max_iters: Length in iterations, in place of ``max_epochs``.
        val_interval: Iterations between two validations, in place of ``val_epochs``.
        **kwargs: Of mmengine's ``IterBasedTrainLoop``.

    Raises:
        ValueError: If the length is not given exactly once.
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
        if (max_epochs is None) == (max_iters is None):
            raise ValueError(
                f"train_cfg has max_epochs={max_epochs} and max_iters={max_iters}: expected "
                "exactly one, passes over the unlabelled images or iterations"
            )
        if isinstance(dataloader, dict):
            # one seed for all processes, also where weights and boxes are drawn differently
            seed = runner.cfg.get("randomness", {}).get("seed")
            dataloader = runner.build_dataloader(dataloader, seed=seed, diff_rank_seed=False)
        per_pass = dataloader.sampler.iters_per_epoch
        super().__init__(
            runner,
            dataloader,
            max_iters=max_iters or round(max_epochs * per_pass),
            val_interval=val_interval or max(1, round(val_epochs * per_pass)),
            **kwargs,
        )
