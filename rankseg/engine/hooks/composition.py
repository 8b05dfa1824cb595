# SPDX-License-Identifier: Apache-2.0
"""Hook that ends the steps of LMCS: stores the student and clusters the master's features."""

import time

import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.runner import Runner
from torch.utils.data import Dataset

from rankseg.engine.hooks.base import FeatureHook
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.models.methods import LMCS
from rankseg.registry import HOOKS
from rankseg.selection.graph import cluster_centers
from rankseg.structures import SampleKey


@HOOKS.register_module()
class CompositionHook(FeatureHook):
    """Hook that makes the student the previous one of the composition at the end of every step.

    The hook then clusters the master's features of all unlabeled images, for the master's
    discriminative loss in the next step. If this loss has no weight, clustering is skipped. The
    results of a step are part of checkpoints, and its end follows from the iteration, so a resumed
    run continues as an uninterrupted one.

    Args:
        length: Training iterations per step.
        seed: Seed of the initial centers.
        batch_size: Batch size per process.
        num_workers: Number of data loader workers; ``None`` uses that of ``train_dataloader``.

    Raises:
        ValueError: If ``length`` is below 1, or before training, if the model or the config is
            incompatible.

    Source: LMCS (dissertation, chapter 3), sections 3.3.1 and 3.3.2; a step is 10 epochs there.
    """

    priority = "LOW"  # after the teacher update, before a checkpoint is written

    method_type = LMCS

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> dict:
        """See the base class; each step has one iteration."""
        config["length"] = 1
        return config

    def __init__(
        self, length: int, seed: int = 0, batch_size: int = 256, num_workers: int | None = None
    ) -> None:
        super().__init__("master", batch_size=batch_size, num_workers=num_workers)
        expect(length >= 1, "length of CompositionHook", "1 or more", length)
        self.length = length
        self.seed = seed

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """End a step if it is due."""
        if (runner.iter + 1) % self.length == 0:
            method = unwrap_method(runner)
            method.end_step(self.cluster(runner, method) if method.needs_centers else None)

    def cluster(self, runner: Runner, method: LMCS) -> torch.Tensor:
        """Compute centers ``(N, D)`` of the master's features of all unlabeled images."""
        begun = time.monotonic()
        dataset = runner.train_dataloader.dataset
        keys = [SampleKey(i, runner.iter) for i in range(dataset.num_labeled, len(dataset))]
        found = self.extract(runner, keys, main_only=True)
        centers = torch.zeros_like(method.centres, device="cpu")
        if is_main_process():
            made = cluster_centers(found.feature.numpy(), len(centers), self.seed)
            centers.copy_(torch.from_numpy(made))
            seconds = time.monotonic() - begun
            runner.logger.info(f"{len(centers)} clusters of the master's features: {seconds:.1f} s")
        centers = centers.to(method.centres.device)  # broadcast needs this device
        broadcast(centers)
        return centers
