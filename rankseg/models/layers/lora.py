# SPDX-License-Identifier: Apache-2.0
"""Low-rank adapters (LoRA) for the attention of transformers and for pointwise convolutions."""

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS = ("attn.qkv", "attn.proj")


class LoRALayer(nn.Module):
    """Base class of layers with a trainable low-rank update of their frozen weight.

    Names of the original parameters do not change.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def _adapt(self, layer: nn.Module, rank: int, alpha: float | None) -> None:
        """Share and freeze the weight and bias of a layer, and add the adapter."""
        self.weight, self.bias = layer.weight, layer.bias
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                parameter.requires_grad_(False)
        outputs, inputs, *kernel = self.weight.shape
        self.lora_a = nn.Parameter(self.weight.new_empty(rank, inputs, *kernel))
        self.lora_b = nn.Parameter(self.weight.new_zeros(outputs, rank, *kernel))
        nn.init.kaiming_uniform_(self.lora_a, a=sqrt(5))
        self.scale = (rank if alpha is None else alpha) / rank

    @torch.no_grad()
    def _merge_into(self, plain: nn.Module) -> nn.Module:
        """Set the weight of a plain layer to the original one plus the update."""
        update = self.lora_b.flatten(1) @ self.lora_a.flatten(1)
        plain.weight.copy_(self.weight + self.scale * update.view_as(self.weight))
        if self.bias is not None:
            plain.bias.copy_(self.bias)
        return plain.train(self.training)

    def _like(self) -> dict:
        """Return the options that a plain layer shares with this one."""
        like = {"device": self.weight.device, "dtype": self.weight.dtype}
        return like | {"bias": self.bias is not None}


class LoRALinear(LoRALayer, nn.Linear):
    r"""Linear layer with a trainable low-rank update of its frozen weight.

    .. math:: y = W x + b + \frac{\alpha}{r} B A x

    ``B`` starts at zero, so the layer starts as the original one. Names of the original parameters
    do not change.

    Args:
        linear: The layer to adapt; its weight and bias are shared and frozen.
        rank: ``r``, rows of ``A``.
        alpha: Scale of the update; the rank by default.

    Source: Hu et al., LoRA (ICLR 2022), section 4.1.
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float | None = None) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._adapt(linear, rank, alpha)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer with its update."""
        return super().forward(x) + self.scale * F.linear(F.linear(x, self.lora_a), self.lora_b)

    def merged(self) -> nn.Linear:
        """Return a plain layer with the update added to the weight."""
        size = self.in_features, self.out_features
        return self._merge_into(nn.utils.skip_init(nn.Linear, *size, **self._like()))


class LoRAConv2d(LoRALayer, nn.Conv2d):
    r"""Pointwise convolution with a trainable low-rank update of its frozen weight.

    .. math:: y = W * x + b + \frac{\alpha}{r} B * (A * x)

    ``A`` is a 1x1 convolution to ``r`` channels with the stride of the layer, and ``B`` a 1x1
    convolution to its output channels. At each position this is :class:`LoRALinear`.

    Args:
        conv: The layer to adapt, see :func:`is_pointwise`; its weight and bias are shared and
            frozen.
        rank: ``r``, output channels of ``A``.
        alpha: Scale of the update; the rank by default.

    Shape:
        - input: ``(B, in_channels, H, W)``
        - output: ``(B, out_channels, ceil(H / stride), ceil(W / stride))``

    Source: Hu et al., LoRA (ICLR 2022), section 4.1, for linear layers.
    """

    def __init__(self, conv: nn.Conv2d, rank: int, alpha: float | None = None) -> None:
        size = conv.in_channels, conv.out_channels, 1
        super().__init__(*size, stride=conv.stride, bias=conv.bias is not None, device="meta")
        self._adapt(conv, rank, alpha)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer with its update."""
        update = F.conv2d(F.conv2d(x, self.lora_a, stride=self.stride), self.lora_b)
        return super().forward(x) + self.scale * update

    def merged(self) -> nn.Conv2d:
        """Return a plain layer with the update added to the weight."""
        size = self.in_channels, self.out_channels, 1
        plain = nn.utils.skip_init(nn.Conv2d, *size, stride=self.stride, **self._like())
        return self._merge_into(plain)


def is_pointwise(module: nn.Module) -> bool:
    """Return True for a plain 1x1 convolution without groups, which has one matrix as its weight.

    Subclasses are left out, as some of them standardize their weight.
    """
    plain = type(module) is nn.Conv2d and module.kernel_size == (1, 1)
    return plain and module.groups == 1 and module.padding in ((0, 0), "valid", "same")


def add_lora(network: nn.Module, rank: int, layers: Sequence[str] = LAYERS) -> int:
    """Add adapters to the layers of a network, in place, and return the number of these layers.

    These are the linear layers whose names end with one of ``layers``. In a network without them,
    they are the pointwise convolutions.
    """
    modules = dict(network.named_modules())
    found: dict[str, type[LoRALayer]] = {
        name: LoRALinear
        for name, module in modules.items()
        if isinstance(module, nn.Linear) and name.endswith(tuple(layers))
    }
    if not found:
        found = {name: LoRAConv2d for name, module in modules.items() if is_pointwise(module)}
    for name, adapted in found.items():
        network.set_submodule(name, adapted(modules[name], rank))
    return len(found)


def merge_lora(network: nn.Module) -> int:
    """Replace adapted layers by plain ones with the update in their weights, in place.

    Returns:
        The number of merged layers.
    """
    found = [name for name, module in network.named_modules() if isinstance(module, LoRALayer)]
    for name in found:
        network.set_submodule(name, network.get_submodule(name).merged())
    return len(found)
