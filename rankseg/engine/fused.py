# SPDX-License-Identifier: Apache-2.0
"""Fused optimizers, which run as one kernel on a GPU."""

from mmengine.config import Config

FUSED = ("SGD", "Adam", "AdamW")


def use_fused(cfg: Config) -> None:
    """Set ``fused=True`` for PyTorch's optimizers, unless ``fused`` or ``foreach`` is given.

    A single kernel updates all parameters. It can skip a step by a flag on the device, see
    :class:`~rankseg.engine.hooks.NonFiniteHook`.

    Args:
        cfg: Config for training on a GPU, changed in place.
    """
    optimizer = (cfg.get("optim_wrapper") or {}).get("optimizer") or {}
    if optimizer.get("type") in FUSED and not {"fused", "foreach"} & set(optimizer):
        optimizer["fused"] = True
