# SPDX-License-Identifier: Apache-2.0
"""Base class of the Inception networks: a chain of named layers, some of which end a stage."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from rankseg.errors import expect

INIT = [
    dict(type="Kaiming", layer="Conv2d", mode="fan_out"),
    dict(type="Constant", layer="_BatchNorm", val=1),
]


class StagedBackbone(BaseModule):
    """Backbone whose submodules run in the order in which they were added.

    Args:
        out_indices: Indices of the stages to return, counted from 0.
        norm_eval: Keep batch norm in eval mode, with the pretrained statistics, while training.
        init_cfg: Initialization config of MMEngine; He's initialization by default.

    Raises:
        ValueError: If there is no such stage.
    """

    WEIGHTS = ""
    """Name of the file of pretrained weights that fits, for messages."""
    STAGES: tuple[str, ...] = ()
    """Last submodule of every stage."""

    def __init__(
        self,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        norm_eval: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or INIT)
        stages = range(len(self.STAGES))
        wanted = f"stages from 0 to {stages[-1]}"
        valid = set(out_indices) <= set(stages) and out_indices
        expect(valid, f"out_indices of {type(self).__name__}", wanted, tuple(out_indices))
        self.ends = [self.STAGES[i] for i in sorted(set(out_indices))]
        self.norm_eval = norm_eval

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map ``(B, 3, H, W)`` to the feature maps of the stages in ``out_indices``."""
        maps = []
        for name, layer in self.named_children():
            x = layer(x)
            if name in self.ends:
                maps.append(x)
                if len(maps) == len(self.ends):
                    break
        return tuple(maps)

    def train(self, mode: bool = True) -> "StagedBackbone":
        """Set the training mode; with ``norm_eval``, batch normalization stays in eval mode."""
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
