# SPDX-License-Identifier: Apache-2.0
"""Encoders of the timm library as backbones."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from rankseg.errors import expect
from rankseg.models.backbones.timm_options import check_indices, check_lora, check_options
from rankseg.models.backbones.timm_weights import (
    adapt_channels,
    check_model_name,
    classifier_names,
    download,
    import_timm,
    names_on_meta,
    rename_to_timm,
)
from rankseg.models.layers.lora import add_lora
from rankseg.models.tiny import TinyPart
from rankseg.models.weights.pretrained import fit_state, read_state
from rankseg.registry import MODELS

OPTION = "model.student.backbone.weights"

ANY_SIZE = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})
"""Options by which the families of timm take images of any size; the first that exists is used."""


@MODELS.register_module()
class TimmTrunk(TinyPart, BaseModule):
    """Any encoder of timm as the backbone of a segmentor.

    Images of any size are accepted. If the encoder cuts images into patches, images are padded at
    the bottom and on the right to a multiple of the patch size, and the logits of the segmentor are
    cut by the same amount, so that predictions do not shift, see
    :func:`~rankseg.models.segmentors.padding.cut_padding`.

    Args:
        model: Name in timm, such as ``"vit_small_patch14_reg4_dinov2"``.
        weights: ``"hub"`` downloads the weights of timm, or takes them from its cache. Otherwise a
            file of pretrained weights, ``.pth`` or ``.safetensors``. Both are loaded strictly when
            weights are initialized. ``None`` starts from random weights.
        out_indices: Indices of the feature maps to return: blocks of a plain transformer, stages of
            other encoders. Negative indices count from the end. ``None`` returns the last four.
        frozen: ``True`` trains nothing of the encoder and keeps no activations. A number freezes
            the first layers: the stem (or patch embedding) and this many blocks. Frozen parts stay
            in eval mode.
        lora: Rank of low-rank adapters on the attention layers ``attn.qkv`` and ``attn.proj``. In
            an encoder without them, adapters are on its pointwise (1x1) convolutions. The rest of
            the encoder is frozen, and batch norm stays in eval mode. 0 adds none.
        layer_decay: Factor of the learning rate from one block to the block before it, used by
            :class:`~rankseg.engine.layer_decay.LayerDecayConstructor`. ``None`` uses one learning
            rate.
        drop_path: Rate of stochastic depth, of the blocks that are trained.
        in_channels: Channels of the images, 1 to 12. Pretrained weights of the first convolution
            are adapted.
        output_stride: Largest stride of a feature map; later stages are dilated instead. ``None``
            keeps the strides of the encoder. Only for convolutional encoders.
        norm_eval: Keep batch norm in eval mode during training, so that it normalizes by the
            running statistics of the pretrained weights.
        pad: Pad images to a multiple of the patch size. Without it, other sizes are refused.

    Attributes:
        channels: Channels of each returned map.
        strides: Stride of each returned map, in pixels of the input.
        pad_multiple: Images are padded to a multiple of this; 1 if they are not padded.

    Shape:
        - input: ``(B, in_channels, H, W)``
        - output: one ``(B, channels[i], ceil(H / strides[i]), ceil(W / strides[i]))`` per index

    Raises:
        ModuleNotFoundError: If timm is not installed.
        ValueError: If timm has no such model, the model has no such feature map, or an option does
            not fit the model.
    """

    knows_channels = True  # before it has weights: heads are filled in and checked

    def __init__(
        self,
        model: str,
        weights: str | None = None,
        out_indices: Sequence[int] | None = None,
        frozen: bool | int = False,
        lora: int = 0,
        layer_decay: float | None = None,
        drop_path: float = 0.0,
        in_channels: int = 3,
        output_stride: int | None = None,
        norm_eval: bool = False,
        pad: bool = True,
    ) -> None:
        super().__init__()
        check_model_name(model)
        wanted = "'hub', a file, or None"
        valid = weights is None or (isinstance(weights, str | Path) and str(weights) != "")
        expect(valid, "weights of TimmTrunk", wanted, weights)
        check_options(frozen, lora, layer_decay, drop_path, in_channels, output_stride)
        self.model = model
        self.weights = weights
        self.norm_eval = norm_eval
        self.layer_decay = layer_decay
        self.in_channels = in_channels
        self.options = {} if in_channels == 3 else {"in_chans": in_channels}
        if drop_path:
            self.options["drop_path_rate"] = drop_path
        if output_stride is not None:
            self.options["output_stride"] = output_stride
        count, self.patch = _maps_and_patch(model)
        self.out_indices = check_indices(model, out_indices, count)
        self.trunk = self._build()
        maps = feature_maps(self.trunk)
        self.channels: list[int] = [maps[index]["num_chs"] for index in self.out_indices]
        self.strides: list[int] = [maps[index]["reduction"] for index in self.out_indices]
        # A plain transformer normalizes its last block, and released heads expect that of all.
        same = len({one["reduction"] for one in maps}) == 1
        self.norm = same and isinstance(getattr(self.trunk, "norm", None), nn.Module)
        self._prune(self.trunk)
        self.pad_multiple = self.patch if pad else 1
        self.input_size: tuple[int, int] | None = None
        self.lora = lora
        if lora:
            check_lora(model, self._prune(names_on_meta(model)), lora, self.out_indices)
            add_lora(self.trunk, lora)
        self.frozen = frozen
        for name, parameter in self.trunk.named_parameters():
            if lora:
                parameter.requires_grad_(".lora_" in name)
        if frozen:
            self._freeze()
        self._fixed = tuple(self.frozen_modules())  # names, as layers may be replaced later

    def _build(self) -> nn.Module:
        """Build the encoder with the first options of :data:`ANY_SIZE` that it has."""
        timm = import_timm()
        for any_size in ANY_SIZE:
            options = self.options | any_size
            try:
                network = timm.create_model(self.model, **options)
            except TypeError as error:
                unknown = [name for name in options if f"'{name}'" in str(error)]
                if unknown and unknown[0] in any_size:
                    continue
                if unknown:
                    raise ValueError(
                        f"Expected no {unknown[0]} for {self.model} in TimmTrunk, but got "
                        f"{options[unknown[0]]}. This family of encoders does not have the option."
                    ) from error
                raise
            self.options = options
            return network
        raise AssertionError("unreachable: the last options are empty")

    def _prune(self, network: nn.Module) -> nn.Module:
        """Remove what the feature maps do not need, in place."""
        indices, norm = self.out_indices, not self.norm
        network.prune_intermediate_layers(indices, prune_norm=norm, prune_head=True)
        return network

    # --- frozen parts

    def layer_ids(self) -> dict[str, int]:
        """Return the depth of every parameter: 0 for the stem, then the number of its block.

        Keys are names of parameters, starting with ``trunk.``.
        """
        from timm.models import group_parameters

        inner = self.trunk
        names = [name for name, _ in inner.named_parameters()]
        matcher = inner.group_matcher(coarse=False)
        groups = group_parameters(inner, matcher, reverse=True)
        return {f"trunk.{name}": groups[name] for name in names}

    def lr_scales(self) -> dict[str, float]:
        """Return the factor of the learning rate of every parameter under ``layer_decay``."""
        if self.layer_decay is None:
            return {}
        ids = self.layer_ids()
        last = max(ids.values())
        return {name: self.layer_decay ** (last - depth) for name, depth in ids.items()}

    def _freeze(self) -> None:
        """Freeze the encoder, or its first layers."""
        if self.frozen is True:
            self.trunk.requires_grad_(False)
            return
        ids = self.layer_ids()
        last = max(ids.values())
        if not 0 < self.frozen <= last:
            raise ValueError(
                f"Expected frozen of TimmTrunk to be True, False or 1 to {last} blocks of "
                f"{self.model}, but got {self.frozen}."
            )
        for name, parameter in self.named_parameters():
            if ids[name] <= self.frozen:
                parameter.requires_grad_(False)

    def _is_fixed(self, module: nn.Module) -> bool:
        """Return True if a module has parameters and none of them is trained."""
        parameters = list(module.parameters())
        return bool(parameters) and not any(one.requires_grad for one in parameters)

    def frozen_modules(self) -> dict[str, nn.Module]:
        """Return the largest submodules that are frozen, by name; a teacher may share them."""
        found: dict[str, nn.Module] = {}
        for name, module in self.named_modules():
            inside = any(name.startswith(f"{outer}.") for outer in found)
            if name and not inside and self._is_fixed(module):
                found[name] = module
        return found

    def train(self, mode: bool = True) -> "TimmTrunk":
        """Switch the mode; frozen parts, and with ``norm_eval`` batch norm, stay in eval mode."""
        super().train(mode)
        if mode:
            for name in ("trunk",) if self.lora else self._fixed:
                self.get_submodule(name).eval()
            if self.norm_eval:
                for module in self.modules():
                    if isinstance(module, _BatchNorm):
                        module.eval()
        return self

    # --- weights

    @property
    def image_channels(self) -> int:
        """Number of channels of the images."""
        return self.in_channels

    @property
    def WEIGHTS(self) -> str:
        """Description of what fits, for errors."""
        return f"a file with the weights of timm's {self.model}"

    WEIGHTS_OPTION = OPTION

    def rename_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Translate the names of a released file, and leave out the classifier.

        Only tensors that the whole timm model has and its feature maps do not need are left out.
        """
        whole = names_on_meta(self.model)
        state = rename_to_timm(state, whole)
        first = whole.pretrained_cfg.get("first_conv")
        for name in (first,) if isinstance(first, str) else first or ():
            state = adapt_channels(state, name, self.in_channels)
        own, known = self.trunk.state_dict(), whole.state_dict()
        state |= {name: own[name] for name in own if ".lora_" in name and name not in state}
        left_out = (*known, *classifier_names(whole, state))
        return {f"trunk.{k}": v for k, v in state.items() if k in own or k not in left_out}

    def init_weights(self) -> None:
        """Load ``weights``; without them keep the random weights of timm.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If names or shapes do not fit the encoder, or a download fails.
        """
        if self.weights is not None:
            self.load_state_dict(fit_state(self, *self._given_weights()))

    def check_weights(self) -> None:
        """Check that ``weights`` can be loaded, without changing the encoder.

        Raises:
            FileNotFoundError, ValueError: As for :meth:`init_weights`.
        """
        if self.weights is not None:
            fit_state(self, *self._given_weights(), log=False)

    def _given_weights(self) -> tuple[dict[str, Tensor], str]:
        """Read ``weights``, and name their source."""
        if self.weights == "hub":
            return download(self.model), f"of {self.model} from timm's hub"
        return read_state(self.weights, OPTION), str(self.weights)

    @classmethod
    def make_tiny(cls, config: dict, cells: int | None) -> None:
        """See the base class; does not download weights, and does not need their file."""
        weights = config.get("weights")
        if weights is None or (weights != "hub" and Path(weights).is_file()):
            return
        source = "Weights of timm's hub are not downloaded"
        source = source if weights == "hub" else f"{weights} is missing"
        print_log(f"{source}. Starting {config['model']} from random weights", "current")
        config["weights"] = None

    # --- forward

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the feature maps, from fine to coarse.

        Raises:
            ValueError: If the image has another number of channels, or ``pad`` is off and the patch
                size does not divide its sides.
        """
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f"Expected images of {self.in_channels} channels for {self.model}, but got "
                f"{x.shape[1]}. Set in_channels={x.shape[1]} in TimmTrunk."
            )
        height, width = x.shape[2:]
        self.input_size = (height, width)
        missing = (-height % self.patch, -width % self.patch)
        if any(missing) and self.pad_multiple == 1:
            raise ValueError(
                f"Expected sides of the image to be multiples of {self.patch}, the patch size of "
                f"{self.model}, but got {height}x{width}. Set another crop_size, or pad=True."
            )
        if any(missing):
            x = F.pad(x, (0, missing[1], 0, missing[0]))
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen is not True):
            return tuple(
                self.trunk.forward_intermediates(
                    x,
                    indices=self.out_indices,
                    norm=self.norm,
                    output_fmt="NCHW",
                    intermediates_only=True,
                )
            )


def feature_maps(network: nn.Module) -> list[dict[str, Any]]:
    """Return channels (``num_chs``) and stride (``reduction``) of every feature map."""
    if not hasattr(network, "forward_intermediates"):
        return []
    info = network.feature_info
    return list(getattr(info, "info", info))


@cache
def _maps_and_patch(model: str) -> tuple[int, int]:
    """Return the number of feature maps and the patch size of a model, which take long to find."""
    whole = names_on_meta(model)
    count = len(feature_maps(whole))
    return count, _patch_size(whole) if count else 1


def _patch_size(network: nn.Module) -> int:
    """Return the multiple of pixels that an encoder takes without losing the last ones.

    This is the patch size of a transformer, and the largest stride of a network without padding
    such as ConvNeXt, or of one that takes no other sizes, such as HRNet. It is 1 for networks that
    take any size, and for those that take one size only.
    """
    strides = [one["reduction"] for one in feature_maps(network)]
    size = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    size = size[0] if isinstance(size, tuple | list) else size
    if size and size <= strides[0]:
        return size
    step = max(strides)
    side = 4 * step + 1
    try:
        maps = _maps_of(network, side, side)
    except Exception:  # of any kind: code of timm
        try:
            _maps_of(network, 3 * step, 4 * step)
        except Exception:  # takes one size only, and says so when it runs
            return 1
        return step
    full = all(one.shape[-1] * step >= side for one, step in zip(maps, strides, strict=True))
    return 1 if full else step


def _maps_of(network: nn.Module, height: int, width: int) -> list[Tensor]:
    """Run a network on the meta device."""
    image = torch.zeros(1, 3, height, width, device="meta")
    return network.eval().forward_intermediates(image, intermediates_only=True)
