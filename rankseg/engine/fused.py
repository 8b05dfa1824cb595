# SPDX-License-Identifier: Apache-2.0
"""Optimizers that run as one kernel on a GPU."""

from mmengine.config import Config

FUSED = ("SGD", "Adam", "AdamW")


def use_fused(cfg: Config) -> None:
    """Have torch's own optimizers run fused; a config's own ``fused`` or ``foreach`` stays.

    One kernel changes all parameters, and it asks the device itself whether a step is to be
    skipped, see :class:`~rankseg.engine.hooks.NonFiniteHook`.

    Args:
        cfg: Changed in place; for training on a GPU.
    """
    optimizer = (cfg.get("optim_wrapper") or {}).get("optimizer") or {}
    if optimizer.get("type") in FUSED and not {"fused", "foreach"} & set(optimizer):
        optimizer["fused"] = True
