# SPDX-License-Identifier: Apache-2.0
"""Checks of the options of timm encoders."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from rankseg.errors import expect
from rankseg.models.layers.lora import LoRAConv2d, LoRALayer, add_lora

STRIDES = (8, 16, 32)
"""Values of ``output_stride`` that timm knows."""


def check_options(
    frozen: bool | int,
    lora: int,
    layer_decay: float | None,
    drop_path: float,
    in_channels: int,
    output_stride: int | None,
) -> None:
    """Check the options of :class:`~rankseg.models.backbones.TimmTrunk`, which fit any encoder."""
    channels = _is_count(in_channels) and 1 <= in_channels <= 12
    expect(channels, "in_channels of TimmTrunk", "1 to 12", in_channels)
    valid = isinstance(frozen, bool) or _is_count(frozen)
    expect(valid, "frozen of TimmTrunk", "True, False or a number of blocks", frozen)
    expect(_is_count(lora), "lora of TimmTrunk", "a rank such as 16, or 0", lora)
    valid = layer_decay is None or (_is_number(layer_decay) and 0 < layer_decay <= 1)
    wanted = "above 0 and at most 1, or None"
    expect(valid, "layer_decay of TimmTrunk", wanted, layer_decay)
    valid = _is_number(drop_path) and 0 <= drop_path < 1
    expect(valid, "drop_path of TimmTrunk", "a rate of at least 0 and below 1", drop_path)
    valid = output_stride is None or output_stride in STRIDES
    expect(valid, "output_stride of TimmTrunk", f"one of {STRIDES}, or None", output_stride)
    if lora and frozen:
        raise ValueError(
            f"Expected frozen=False together with lora={lora} of TimmTrunk, as adapters freeze "
            f"the rest of the encoder, but got frozen={frozen}."
        )
    if drop_path and (lora or frozen is True):
        raise ValueError(
            f"Expected drop_path=0 together with {f'{lora=}' if lora else 'frozen=True'} of "
            f"TimmTrunk, as frozen blocks are never dropped, but got drop_path={drop_path}. Remove "
            "one of them."
        )


def check_indices(model: str, out_indices: Iterable[int] | None, count: int) -> list[int]:
    """Check that an encoder has these feature maps, and count indices from the start, increasing.

    ``None`` takes the last four maps.
    """
    if not count:
        raise ValueError(
            f"Expected model of TimmTrunk to be an encoder with feature maps, but got "
            f"{model}, for which timm has none. Use a convolutional network or a vision "
            "transformer."
        )
    chosen = range(max(0, count - 4), count) if out_indices is None else out_indices
    chosen = tuple(chosen) if isinstance(chosen, Iterable) else (chosen,)
    valid = chosen and all(isinstance(one, int) and -count <= one < count for one in chosen)
    if not valid or isinstance(out_indices, int):
        found = out_indices if isinstance(out_indices, int) else chosen
        raise ValueError(
            f"Expected out_indices of TimmTrunk to be among the {count} feature maps of "
            f"{model}, 0 to {count - 1}, such as ({count - 1},), but got {found}."
        )
    indices = sorted(index % count for index in chosen)
    if len(set(indices)) < len(indices):
        raise ValueError(
            f"Expected out_indices of TimmTrunk to name each feature map of {model} once, but got "
            f"{chosen}. Remove the repeated one; a head can read a map twice by its in_index."
        )
    return indices


def check_lora(model: str, trunk: nn.Module, lora: int, indices: Sequence[int]) -> None:
    """Check that an encoder has layers for adapters, and runs them.

    Some encoders have a layer ``attn.qkv`` but multiply with its weight themselves. Its adapter
    would be left out without a word.

    Args:
        model: Name in timm.
        trunk: The encoder on the meta device, as far as its feature maps need it. It is changed.
        lora: Rank of the adapters.
        indices: Feature maps.
    """
    add_lora(trunk, lora)
    adapted = {name: one for name, one in trunk.named_modules() if isinstance(one, LoRALayer)}
    found = "as it has neither attention layers 'attn.qkv' nor plain 1x1 convolutions"
    if any(name.endswith("qkv") or isinstance(one, LoRAConv2d) for name, one in adapted.items()):
        unused = _unused(trunk, adapted, indices)
        if not unused:
            return
        found = f"as it has {unused[0]} without running this layer"
    raise ValueError(
        f"Expected lora=0 for {model}, {found}, but got lora={lora}. Use frozen=True or a number "
        "of blocks to train fewer parameters."
    )


def _unused(trunk: nn.Module, layers: dict[str, nn.Module], indices: Sequence[int]) -> list[str]:
    """Return the names of the layers that do not run for an image of the designed size."""
    ran: set[nn.Module] = set()
    for one in layers.values():
        one.register_forward_hook(lambda layer, inputs, output: ran.add(layer))
    image = torch.zeros(1, *trunk.pretrained_cfg["input_size"], device="meta")
    try:
        trunk.eval().forward_intermediates(image, indices=indices, intermediates_only=True)
    except Exception:  # a network that reads values, which the meta device does not have
        return []
    return [name for name, one in layers.items() if one not in ran]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
