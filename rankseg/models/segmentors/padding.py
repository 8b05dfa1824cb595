# SPDX-License-Identifier: Apache-2.0
"""Logits of the original image for backbones that pad images."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.models.heads import ImageLevelHead
from rankseg.models.segmentors.student import auxiliary_heads


def cut_padding(segmentor: nn.Module) -> None:
    """Make the heads of a segmentor return logits of the image without its padding.

    A backbone that cuts images into patches pads them at the bottom and on the right. Stretching
    its logits to the size of the image would shift them by up to a patch. So the output of the
    head's classifier is resized to the padded image, and cut. Nothing happens unless the backbone
    has a ``pad_multiple`` above 1, see :class:`~rankseg.models.backbones.TimmTrunk`.
    """
    if pad_multiple(segmentor) == 1:
        return
    backbone = segmentor.backbone
    for head in (segmentor.decode_head, *auxiliary_heads(segmentor)):
        if isinstance(head, ImageLevelHead):
            continue
        if not isinstance(getattr(head, "conv_seg", None), nn.Module):
            raise ValueError(
                f"Expected {type(head).__name__} to have a classifier 'conv_seg', after which the "
                f"padding of {type(backbone).__name__} is cut, but it has none. Use LinearHead or "
                "LightDPTHead, or set pad=False in the backbone."
            )
        # mmseg predicts by head.forward, which skips hooks of the head itself. The hook holds the
        # backbone, so that a copy of the segmentor uses its own.
        head.conv_seg.register_forward_hook(partial(_cut, backbone, head.align_corners))


def pad_multiple(segmentor: nn.Module) -> int:
    """Return the multiple of pixels that the backbone pads images to, 1 if it does not pad."""
    return getattr(getattr(segmentor, "backbone", None), "pad_multiple", 1)


def padded_size(segmentor: nn.Module, size: Sequence[int]) -> tuple[int, int]:
    """Return height and width of an image as the backbone sees it."""
    return _pad(size, pad_multiple(segmentor))


def _pad(size: Sequence[int], multiple: int) -> tuple[int, int]:
    # without negative numbers, which ONNX divides in another way
    height, width = ((side + multiple - 1) // multiple * multiple for side in size)
    return height, width


def _cut(
    backbone: nn.Module, align_corners: bool, layer: nn.Module, inputs: tuple, logits: Tensor
) -> Tensor:
    """Resize logits to the padded image and cut them (forward hook)."""
    size = backbone.input_size
    full = _pad(size, backbone.pad_multiple)
    if full == tuple(size):
        return logits
    logits = F.interpolate(logits.float(), full, mode="bilinear", align_corners=align_corners)
    return logits[..., : size[0], : size[1]]
