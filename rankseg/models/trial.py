# SPDX-License-Identifier: Apache-2.0
"""A forward pass that shows shapes, and leaves no trace in the network or in random numbers."""

import copy
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

Said = TypeVar("Said")


class RandomState:
    """State of the random numbers of Python, NumPy and torch on the CPU, as it is now."""

    def __init__(self) -> None:
        self._states = random.getstate(), np.random.get_state(), torch.get_rng_state()

    def restore(self) -> None:
        """Bring the state back."""
        python, numpy, cpu = self._states
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Context after which random numbers go on as if nothing had been drawn in it."""
    before = RandomState()
    try:
        yield
    finally:
        before.restore()


def weightless(module: nn.Module) -> nn.Module:
    """Copy a module to the meta device, where running it computes shapes and nothing else.

    The module itself is neither changed nor moved. A network that reads a value while it is built,
    as those with stochastic depth do, cannot be built on the meta device, but copied to it.

    Args:
        module: Any module; the values of its parameters and buffers are not copied.

    Returns:
        The copy, in the mode of the module.
    """
    memo: dict[int, Tensor] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(module, memo)


def try_out(
    run: Callable[[nn.Module, Tensor], Said],
    network: nn.Module,
    size: Sequence[int],
    count: int = 1,
    training: bool = False,
    full: bool = True,
) -> Said:
    """Run a copy of a network on images, for the shapes of what it gives.

    The copy has no weights and computes nothing, so that large images cost no time. Where the
    network reads a value on its way, which it cannot without weights, a full copy runs instead.

    Args:
        run: Called with the copy and the images ``(count, 3, H, W)``.
        network: Not changed, and random numbers of the process neither.
        size: Height and width of the images.
        count: Number of images.
        training: Run in training mode.
        full: Run a full copy if need be.

    Returns:
        What ``run`` returns; tensors in it may be without values.

    Raises:
        Exception: Whatever the last copy raises.
    """
    try:
        return _run(run, weightless(network), size, count, training)
    except Exception:  # of any kind: code of mmseg or of the user
        if not full or all(weight.is_meta for weight in network.parameters()):
            raise
    return _run(run, copy.deepcopy(network), size, count, training)


@torch.no_grad()
def _run(
    run: Callable[[nn.Module, Tensor], Said],
    copied: nn.Module,
    size: Sequence[int],
    count: int,
    training: bool,
) -> Said:
    """Run a network that nobody else uses."""
    copied.train(training)
    for module in copied.modules():
        if isinstance(module, nn.SyncBatchNorm):
            module.eval()  # other processes do not take part
    weight = next(copied.parameters(), torch.empty(0))
    with random_numbers_kept():
        return run(copied, torch.zeros(count, 3, *size, device=weight.device))


def probe_size(network: nn.Module) -> tuple[int, int]:
    """Height and width of a small image that a network takes: 64 px, or what it is made for."""
    size = getattr(getattr(network, "backbone", None), "img_size", None) or 64
    return (size, size) if isinstance(size, int) else tuple(size)


def first_line(error: Exception) -> str:
    """What an error says, without its end: the rest may be pages."""
    text = str(error).strip()
    if not text:  # as mmseg's assertions
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} in {Path(frame.filename).name}, {frame.line}"
    return text.splitlines()[0].rstrip(".:")
