# SPDX-License-Identifier: Apache-2.0
"""Trial forward passes that find output shapes without changing network or random state."""

import copy
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

Result = TypeVar("Result")


class RandomState:
    """Snapshot of the random state of Python, NumPy and torch on the CPU."""

    def __init__(self) -> None:
        self._states = random.getstate(), np.random.get_state(), torch.get_rng_state()

    def restore(self) -> None:
        """Restore the random state."""
        python, numpy, cpu = self._states
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)


@contextmanager
def keep_random_state() -> Iterator[None]:
    """Return a context that restores the random state when it ends."""
    before = RandomState()
    try:
        yield
    finally:
        before.restore()


def weightless(module: nn.Module) -> nn.Module:
    """Copy a module to the meta device, where a forward pass only computes shapes.

    A network that reads a value while it is built, such as one with stochastic depth, cannot be
    built on the meta device, but it can be copied there.
    """
    memo: dict[int, Tensor] = {}
    for parameter in module.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.detach().to("meta")
    return copy.deepcopy(module, memo)


class SkippedNorms(TorchFunctionMode):
    """Mode in which a batch norm returns its input, which has the shape of its output.

    PyTorch computes shapes of a batch norm on the meta device in Python. This takes most of the
    time of a trial pass.
    """

    def __torch_function__(
        self, func: Callable, types: Any, args: Sequence = (), kwargs: dict | None = None
    ) -> Any:
        """Call a function of torch, except for a batch norm that has nothing to complain about."""
        kwargs = kwargs or {}
        if func is functional.batch_norm and _suits(
            *args[:5], kwargs.get("weight"), kwargs.get("bias")
        ):
            return args[0]
        return func(*args, **kwargs)


def _suits(inputs: Tensor, *values: Tensor | None) -> bool:
    """Return whether an input has the channels of a batch norm, and several values of each."""
    channels = inputs.shape[1]
    return inputs.numel() > channels and all(one is None or len(one) == channels for one in values)


def try_out(
    run: Callable[[nn.Module, Tensor], Result],
    network: nn.Module,
    size: Sequence[int],
    count: int = 1,
    training: bool = False,
    full: bool = True,
) -> Result:
    """Run a copy of a network on images ``(count, C, H, W)`` to find the shapes of its outputs.

    The copy has no weights and computes nothing, so large images cost no time. If the network reads
    a value during the forward pass, which fails without weights, a ``full`` copy runs instead.
    Neither the network nor the random state of the process changes.
    """
    try:
        return _run(run, weightless(network), size, count, training)
    except Exception:  # of any kind: mmseg or user code
        if not full or all(weight.is_meta for weight in network.parameters()):
            raise
    return _run(run, copy.deepcopy(network), size, count, training)


@torch.no_grad()
def _run(
    run: Callable[[nn.Module, Tensor], Result],
    copied: nn.Module,
    size: Sequence[int],
    count: int,
    training: bool,
) -> Result:
    """Run a network copy that nothing else uses."""
    copied.train(training)
    for module in copied.modules():
        if isinstance(module, nn.SyncBatchNorm):
            module.eval()  # other processes do not take part in synchronization
    weight = next(copied.parameters(), torch.empty(0))
    with keep_random_state(), SkippedNorms() if weight.is_meta else nullcontext():
        return run(copied, torch.zeros(count, image_channels(copied), *size, device=weight.device))


def image_channels(network: nn.Module) -> int:
    """Return the number of channels of the images of a network: 3 unless its backbone says so."""
    return getattr(getattr(network, "backbone", None), "image_channels", 3)


def probe_size(network: nn.Module) -> tuple[int, int]:
    """Return height and width of a small image for a network: 64 px, or its designed size."""
    size = getattr(getattr(network, "backbone", None), "img_size", None) or 64
    return (size, size) if isinstance(size, int) else tuple(size)


def first_line(error: Exception) -> str:
    """Return the first line of an error message, since the rest may be pages long."""
    text = str(error).strip()
    if not text:  # as in mmseg's assertions
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} in {Path(frame.filename).name}, {frame.line}"
    return text.splitlines()[0].rstrip(".:")
