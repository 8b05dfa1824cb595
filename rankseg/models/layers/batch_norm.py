# SPDX-License-Identifier: Apache-2.0
"""Batch norm over all processes, and forward passes that keep its running statistics."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import get_world_size
from torch import Tensor, distributed, nn
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm


class _Total(Function):
    """Sum over all processes, whose gradient is the sum of the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        total = part.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Total.apply(gradient)


class SyncBatchNorm(_BatchNorm):
    """Batch norm whose statistics and gradients are computed over all processes.

    ``torch.nn.SyncBatchNorm`` does the same, but only on GPUs. Its kernels are fused, but the host
    waits for the GPU in every layer. Here it never waits, and a layer is about ten small
    operations. In one process and in eval mode this is plain batch norm. All processes must run it
    equally often and in the same order, as they do in training. Their numbers of images may differ.

    Args:
        num_features: Channels ``C``.
        **kwargs: Further arguments of ``torch.nn.BatchNorm2d``.

    Shape:
        - input and output: ``(B, C, ...)``; statistics are float32 or better, also under autocast.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept inputs of two or more dimensions."""
        if input.dim() < 2:
            shape = tuple(input.shape)
            raise ValueError(f"Expected an input of shape (B, C, ...), but got {shape}.")

    def forward(self, input: Tensor) -> Tensor:
        """Normalize the input and, in training, update the running statistics."""
        if not self.training or get_world_size() == 1:
            return super().forward(input)
        self._check_input_dim(input)
        with torch.autocast(input.device.type, enabled=False):
            values = input.to(torch.promote_types(input.dtype, torch.float32))
            axes = [0, *range(2, input.dim())]
            shape = [1, -1] + [1] * (input.dim() - 2)
            own = values.new_full((1,), values.numel() / values.shape[1])
            total = _Total.apply(torch.cat((values.sum(axes), own)))
            count = total[-1].detach()
            mean = total[:-1] / count
            centered = values - mean.view(shape)
            var = _Total.apply(centered.square().sum(axes)) / count
            self._move(mean.detach(), var.detach(), count)
            scale = (var + self.eps).rsqrt()
            if self.affine:
                output = centered * (scale * self.weight).view(shape) + self.bias.view(shape)
            else:
                output = centered * scale.view(shape)
        return output.to(input.dtype)

    @torch.no_grad()
    def _move(self, mean: Tensor, var: Tensor, count: Tensor) -> None:
        """Update the running statistics as ``torch.nn.BatchNorm2d`` does."""
        if not self.track_running_stats:
            return
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(var * count / (count - 1).clamp(min=1), share)


class _Activated:
    """Mixin that makes a batch norm timm's ``BatchNormAct2d``, which an activation follows."""

    def __init__(self, *args: Any, drop: nn.Module, act: nn.Module, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.drop = drop
        self.act = act

    def forward(self, input: Tensor) -> Tensor:
        """Normalize the input and apply the activation."""
        return self.act(self.drop(super().forward(input)))


class SyncBatchNormAct(_Activated, SyncBatchNorm):
    """Synchronized form of timm's ``BatchNormAct2d``."""


class TorchSyncBatchNormAct(_Activated, nn.SyncBatchNorm):
    """The same on PyTorch's layer, whose own conversion would drop the activation."""


SYNC_BATCH_NORMS = {
    "torch": (nn.SyncBatchNorm, TorchSyncBatchNormAct),
    "rankseg": (SyncBatchNorm, SyncBatchNormAct),
}
"""Layers by the option ``sync_bn``, without and with an activation."""


def convert_sync_batch_norm(module: nn.Module, kind: str = "rankseg") -> nn.Module:
    """Replace every batch norm of a network by a synchronized one.

    Parameters and buffers keep their values and names.

    Args:
        module: A network, which is changed in place, or a batch norm layer.
        kind: ``"rankseg"`` for :class:`SyncBatchNorm`, ``"torch"`` for ``torch.nn.SyncBatchNorm``,
            which needs a GPU.

    Returns:
        The network with the new layers, or the new layer.
    """
    plain, activated = SYNC_BATCH_NORMS[kind]
    if isinstance(module, _BatchNorm) and not isinstance(module, plain):
        more = {name: part for name, part in module.named_children() if name in ("drop", "act")}
        new = (activated if more else plain)(
            module.num_features,
            module.eps,
            module.momentum,
            module.affine,
            module.track_running_stats,
            **more,
        )
        new._parameters, new._buffers = module._parameters, module._buffers
        return new.train(module.training)
    for name, child in module.named_children():
        setattr(module, name, convert_sync_batch_norm(child, kind))
    return module


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Keep running statistics unchanged while a module in training mode uses batch statistics.

    Args:
        module: Any module; its batch norm layers are restored on exit.
    """
    norms = [one for one in module.modules() if isinstance(one, _BatchNorm)]
    before = [(one.momentum, one.num_batches_tracked) for one in norms]
    for one in norms:
        one.momentum = 0.0
        if one.num_batches_tracked is not None:
            one.num_batches_tracked = one.num_batches_tracked.clone()
    try:
        yield
    finally:
        for one, (momentum, count) in zip(norms, before, strict=True):
            one.momentum, one.num_batches_tracked = momentum, count
