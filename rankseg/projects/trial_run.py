# SPDX-License-Identifier: Apache-2.0
"""Short trial run of a config on its own data, to check it and estimate its duration."""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from rankseg.projects.messages import log_level
from rankseg.training.train import check_before_training
from rankseg.utils.terminal import quiet_terminal

NUM_STEPS = 3


class Seconds(NamedTuple):
    """Measured times.

    Attributes:
        step: Seconds of a training step.
        image: Seconds to validate an image.
    """

    step: float
    image: float

    def of_run(self, iterations: int, images: int) -> float:
        """Return the seconds of a run with so many validated images."""
        return self.step * iterations + self.image * images


def trial_run(cfg: Config) -> Seconds:
    """Check a config as training does, then run a few steps on one batch without writing files.

    The steps use the state after warm-up, which takes the most time and memory. One validation
    image is predicted as well.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.

    Returns:
        Times of the fastest step except the first, and of the image; on a CPU as if no other
        process were running.

    Raises:
        ValueError, FileNotFoundError: Same as :func:`rankseg.apis.check_before_training`, or if
            memory is too small.
    """
    cfg = cfg.copy()
    with quiet_terminal():  # without what the libraries log
        built = check_before_training(cfg, overwrite=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = built.method.to(device).train()
    model.warmup = model.ramp = 0
    with log_level(logging.ERROR):  # it warns of each frozen parameter
        optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    batch = _first_batch(cfg.train_dataloader)

    def step() -> None:
        losses = model.train_step(batch, optimizer)
        sum(value.sum().item() for value in losses.values())  # waits for the GPU

    try:
        steps = [_seconds(step, device) for _ in range(NUM_STEPS)]
        image = _first_batch(cfg.val_dataloader)
        model.eval()
        with torch.no_grad():
            return Seconds(min(steps[1:]), _seconds(lambda: model.val_step(image), device))
    except torch.OutOfMemoryError as error:
        raise ValueError(
            "Expected enough free GPU memory for a batch, but got an out-of-memory error. Stop "
            "other programs on the GPU, or reduce crop_size and batch_size in the config."
        ) from error


def _first_batch(loader: dict) -> dict:
    """Return the first batch of a data loader, loaded by this process."""
    loader = {**loader, "num_workers": 0, "persistent_workers": False}
    return next(iter(Runner.build_dataloader(loader, seed=0)))


def _seconds(run: Callable[[], object], device: str) -> float:
    """Return how long a function takes."""
    start, work = time.perf_counter(), time.process_time()
    run()
    wall, work = time.perf_counter() - start, time.process_time() - work
    return wall if device == "cuda" else min(wall, work / torch.get_num_threads())
