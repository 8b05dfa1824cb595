# SPDX-License-Identifier: Apache-2.0
"""Learning rates that fall from block to block of a pretrained encoder."""

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from rankseg.models.backbones import TimmTrunk
from rankseg.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayConstructor(DefaultOptimWrapperConstructor):
    """Constructor of the optimizer that applies ``layer_decay`` of the backbone.

    The last block of the encoder learns at the learning rate of the optimizer, times ``lr_mult`` of
    the longest matching key in ``custom_keys``, such as ``backbone``. Every block before it learns
    ``layer_decay`` times as fast as the next one, and the patch embedding slowest. MMSegmentation's
    own constructor supports few networks.

    Args:
        optim_wrapper_cfg: Config of the optimizer wrapper.
        paramwise_cfg: As for MMEngine's default constructor.

    Source: layer-wise decay of BEiT (ICLR 2022), with the groups that timm defines for each
        encoder.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer wrapper.

        Raises:
            ValueError: If no backbone has a ``layer_decay``.
        """
        given = dict(self.paramwise_cfg.get("custom_keys", {}))
        scaled = {}
        for prefix, module in model.named_modules():
            if not isinstance(module, TimmTrunk):
                continue
            for name, scale in module.lr_scales().items():
                key = f"{prefix}.{name}"
                near = max((k for k in given if k in key), key=len, default=None)
                options = dict(given[near]) if near else {}
                decay = self._plain_decay(module.get_parameter(name), name)
                if decay is not None:  # else custom keys would hide these options
                    options.setdefault("decay_mult", decay)
                scaled[key] = options | {"lr_mult": scale * options.get("lr_mult", 1.0)}
        if not scaled:
            raise ValueError(
                "Expected a backbone with layer_decay for LayerDecayConstructor, but there is "
                "none. Set model.student.backbone.layer_decay of a TimmTrunk, for example to 0.75, "
                "or remove optim_wrapper.constructor."
            )
        self.paramwise_cfg = {**self.paramwise_cfg, "custom_keys": given | scaled}
        return super().__call__(model)

    def _plain_decay(self, parameter: nn.Parameter, name: str) -> float | None:
        """Return ``norm_decay_mult`` or ``bias_decay_mult`` if one applies, otherwise None."""
        if parameter.ndim > 1:
            return None
        kind = "bias" if name.endswith("bias") else "norm"
        return self.paramwise_cfg.get(f"{kind}_decay_mult")
