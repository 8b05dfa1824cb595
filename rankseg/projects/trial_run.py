# SPDX-License-Identifier: Apache-2.0
"""Short trial run of a config on its own data, to check it and estimate its duration."""

import time

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from rankseg.training.train import check_before_training

NUM_STEPS = 3


def trial_run(cfg: Config) -> float:
    """Check a config as training does, then run a few steps on one batch without writing files.

    The steps use the state after warm-up, which takes the most time and memory.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.

    Returns:
        Seconds of the fastest step except the first; on a CPU as if no other process were running.

    Raises:
        ValueError, FileNotFoundError: Same as :func:`rankseg.apis.check_before_training`, or if
            memory is too small.
    """
    built = check_before_training(cfg, overwrite=True)
    loader = {**cfg.train_dataloader, "num_workers": 0, "persistent_workers": False}
    batch = next(iter(Runner.build_dataloader(loader, seed=0)))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = built.method.to(device).train()
    model.warmup = model.ramp = 0
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    seconds = []
    for _ in range(NUM_STEPS):
        start, work = time.perf_counter(), time.process_time()
        try:
            losses = model.train_step(batch, optimizer)
            sum(value.sum().item() for value in losses.values())  # waits for the GPU
        except torch.OutOfMemoryError as error:
            raise ValueError(
                "Expected enough free GPU memory for a batch, but got an out-of-memory error. Stop "
                "other programs on the GPU, or reduce crop_size and batch_size in the config."
            ) from error
        wall, work = time.perf_counter() - start, time.process_time() - work
        seconds.append(wall if device == "cuda" else min(wall, work / torch.get_num_threads()))
    return min(seconds[1:])
