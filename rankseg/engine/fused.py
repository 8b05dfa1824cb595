# SPDX-License-Identifier: Apache-2.0
"""Fused optimizers, which run as one kernel on a GPU."""

from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor
from torch.optim import SGD, Optimizer

FUSED = ("SGD", "Adam", "AdamW")
OF_THE_MACHINE = ("fused", "foreach")
"""Options of an optimizer that choose an implementation and leave the result the same."""


def use_fused(cfg: Config) -> None:
    """Set ``fused=True`` for PyTorch's optimizers, unless ``fused`` or ``foreach`` is set.

    A single kernel updates all parameters. It can skip a step by a flag on the device, see
    :class:`~rankseg.engine.hooks.NonFiniteHook`. SGD with dampening stays as it is, because its
    fused form cannot treat the first gradient of a parameter apart, see :func:`prepare`.
    """
    optimizer = (cfg.get("optim_wrapper") or {}).get("optimizer") or {}
    given = {"fused", "foreach"} & set(optimizer) or optimizer.get("dampening")
    if optimizer.get("type") in FUSED and not given:
        optimizer["fused"] = True


def prepare(optimizer: Optimizer) -> None:
    """Make an optimizer resume with any checkpoint and accept gradients that come late.

    - A checkpoint may come from a machine with other kernels, or from a run without ``--amp``,
      whose weights have another memory layout. The optimizer keeps its own ``fused`` and
      ``foreach``, and the loaded state gets the layout of the parameters. Fused kernels walk
      through parameter and state in memory order and do not check that both are laid out alike.
    - PyTorch's fused SGD fails if some parameters have momentum and others do not yet, for example
      because a part of the network gets its first gradient after a warm-up. Their momentum is set
      to 0, which gives the same step. (With dampening, the first step of such a parameter is
      dampened, too.)
    """
    optimizer.register_load_state_dict_pre_hook(_keep_machine)
    optimizer.register_load_state_dict_post_hook(_match_layout)
    if isinstance(optimizer, SGD):
        optimizer.register_step_pre_hook(_fill_momentum)


def _keep_machine(optimizer: Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """Return the state dict of an optimizer with the ``fused`` and ``foreach`` of this machine."""
    groups = state["param_groups"]
    if len(groups) == len(optimizer.param_groups):  # otherwise loading raises the error
        pairs = zip(groups, optimizer.param_groups, strict=True)
        groups = [
            {**old, **{key: now[key] for key in OF_THE_MACHINE if key in now}} for old, now in pairs
        ]
    return {**state, "param_groups": groups}


@torch.no_grad()
def _match_layout(optimizer: Optimizer) -> None:
    """Give every state tensor of the shape of its parameter the strides of the parameter."""
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if (
                isinstance(value, Tensor)
                and value.shape == parameter.shape
                and value.stride() != parameter.stride()
            ):
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


@torch.no_grad()
def _fill_momentum(optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
    """Set missing momentum to 0 in groups of a fused SGD where other parameters have momentum."""
    for group in optimizer.param_groups:
        if not (group["fused"] and group["momentum"]):
            continue
        steps = [parameter for parameter in group["params"] if parameter.grad is not None]
        state = optimizer.state.get  # unlike [], adds no empty state
        late = [one for one in steps if state(one, {}).get("momentum_buffer") is None]
        if 0 < len(late) < len(steps):
            for parameter in late:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
