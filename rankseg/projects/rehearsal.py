# SPDX-License-Identifier: Apache-2.0
"""A config on its own data for a few steps: does it run, and how long will it take?"""

import time

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from rankseg.training.train import check_before_training

STEPS = 3


def rehearse(cfg: Config) -> float:
    """Check a config as training does, then take steps with one batch; nothing is written.

    The steps are those after warm-up, which take longest and need most memory.

    Args:
        cfg: From :func:`rankseg.apis.load_config`.

    Returns:
        Seconds of the fastest step but the first; on a CPU as if nothing else were running there.

    Raises:
        ValueError, FileNotFoundError: As :func:`rankseg.apis.check_before_training`, or if the
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
    for _ in range(STEPS):
        start, work = time.perf_counter(), time.process_time()
        try:
            losses = model.train_step(batch, optimizer)
            sum(value.sum().item() for value in losses.values())  # waits for the GPU
        except torch.OutOfMemoryError as error:
            raise ValueError(
                "the GPU has too little memory left for a batch: end what else runs on it, or make "
                "crop_size and batch_size smaller in the config"
            ) from error
        wall, work = time.perf_counter() - start, time.process_time() - work
        seconds.append(wall if device == "cuda" else min(wall, work / torch.get_num_threads()))
    return min(seconds[1:])
