# SPDX-License-Identifier: Apache-2.0
"""Low-rank adapters (LoRA) for the attention of transformers."""

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS = ("attn.qkv", "attn.proj")


class LoRALinear(nn.Linear):
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
        self.weight, self.bias = linear.weight, linear.bias
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                parameter.requires_grad_(False)
        like = {"device": linear.weight.device, "dtype": linear.weight.dtype}
        self.lora_a = nn.Parameter(torch.empty(rank, self.in_features, **like))
        self.lora_b = nn.Parameter(torch.zeros(self.out_features, rank, **like))
        nn.init.kaiming_uniform_(self.lora_a, a=sqrt(5))
        self.scale = (rank if alpha is None else alpha) / rank

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer with its update."""
        return super().forward(x) + self.scale * F.linear(F.linear(x, self.lora_a), self.lora_b)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a plain layer with the update added to the weight."""
        plain = nn.utils.skip_init(
            nn.Linear,
            self.in_features,
            self.out_features,
            bias=self.bias is not None,
            device=self.weight.device,
            dtype=self.weight.dtype,
        )
        plain.weight.copy_(self.weight + self.scale * self.lora_b @ self.lora_a)
        if self.bias is not None:
            plain.bias.copy_(self.bias)
        return plain.train(self.training)


def add_lora(network: nn.Module, rank: int, layers: Sequence[str] = LAYERS) -> int:
    """Replace linear layers by adapted ones, in place, and return their number."""
    found = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and name.endswith(tuple(layers))
    ]
    for name in found:
        network.set_submodule(name, LoRALinear(network.get_submodule(name), rank))
    return len(found)


def merge_lora(network: nn.Module) -> int:
    """Replace adapted layers by plain ones with the update in their weights, in place.

    Returns:
        The number of merged layers.
    """
    found = [name for name, module in network.named_modules() if isinstance(module, LoRALinear)]
    for name in found:
        network.set_submodule(name, network.get_submodule(name).merged())
    return len(found)
