# SPDX-License-Identifier: Apache-2.0
"""Decode head of DeepLabv3+ as used in the semi-supervised literature."""

from collections.abc import Sequence
from math import ceil

import torch
from mmcv.cnn import build_norm_layer
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.registry import MODELS


def conv_bn_relu(
    in_channels: int, channels: int, kernel: int, norm_cfg: dict, dilation: int = 1
) -> nn.Sequential:
    """Build a convolution without bias that keeps the size, a normalization and a ReLU.

    The weights have PyTorch's default initialization. mmcv's ``ConvModule`` would initialize the
    dilated convolutions about seven times larger, which under batch norm acts like a learning rate
    that much smaller.
    """
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(in_channels, channels, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, build_norm_layer(norm_cfg, channels)[1], nn.ReLU(inplace=True))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: 1x1 and dilated 3x3 convolutions and a global average.

    Args:
        in_channels: Channels of the input.
        channels: Channels of each branch.
        dilations: Dilation rates, one dense 3x3 convolution for each.
        norm_cfg: Config of the normalization after every convolution.

    Shape:
        - input: ``(B, in_channels, h, w)``
        - output: ``(B, (len(dilations) + 2) * channels, h, w)``

    Raises:
        ValueError: If a training batch holds one image, whose global average has no variance.
    """

    def __init__(
        self, in_channels: int, channels: int, dilations: Sequence[int], norm_cfg: dict
    ) -> None:
        super().__init__()
        self.point = conv_bn_relu(in_channels, channels, 1, norm_cfg)
        self.dilated = nn.ModuleList(
            conv_bn_relu(in_channels, channels, 3, norm_cfg, dilation) for dilation in dilations
        )
        self.pool = conv_bn_relu(in_channels, channels, 1, norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the branches along the channels."""
        if self.training and len(x) == 1 and type(self.pool[1]) is nn.BatchNorm2d:
            raise ValueError(
                "Expected a training batch of at least two images, because the batch norm after "
                "the global average of ASPP needs a variance, but got one. Increase the batch "
                "size, or set norm_cfg=dict(type='GN', num_groups=32)."
            )
        mean = self.pool(F.adaptive_avg_pool2d(x, 1)).expand(-1, -1, *x.shape[2:])
        return torch.cat([self.point(x), *(branch(x) for branch in self.dilated), mean], dim=1)


@MODELS.register_module()
class DeepLabV3PlusHead(BaseDecodeHead):
    """Decode head of DeepLabv3+ with dense convolutions and without dropout.

    Published semi-supervised results use this head. mmseg's ``DepthwiseSeparableASPPHead`` has
    separable convolutions, 512 channels and dropout instead. With ``ResNetV1c`` of stem 128, stride
    16 and 21 classes the network has 40.5 million (R-50) or 59.5 million (R-101) parameters.

    The output of the submodule ``bottleneck``, ``(B, channels, h, w)`` at stride 16, is the ASPP
    feature that RankMatch correlates: its feature tap is ``decode_head.bottleneck``.

    Attributes:
        stretch: Stretch coarse maps to the size of finer ones, as in the released code. It differs
            from :func:`upsample` for images whose sides are not a multiple of the stride plus 1.

    Args:
        in_channels: Channels of the last feature map.
        channels: Channels of ASPP and of the two fuse convolutions.
        c1_in_channels: Channels of the first feature map.
        c1_channels: Channels to which the first feature map is reduced.
        dilations: Dilation rates of ASPP.
        **kwargs: Further arguments of mmseg's ``BaseDecodeHead``: ``num_classes``, ``loss_decode``,
            ``norm_cfg``, ...

    Shape:
        - inputs: feature maps of the backbone, the first ``(B, c1_in_channels, 4h', 4w')`` about
          four times finer than the last ``(B, in_channels, h', w')``
        - output: logits ``(B, num_classes, ...)`` at the size of the first

    Source: DeepLabv3+ (arXiv:1802.02611) with the layer sizes of UniMatch (arXiv:2208.09910).
    """

    stretch: bool = False

    def __init__(
        self,
        in_channels: int = 2048,
        channels: int = 256,
        c1_in_channels: int = 256,
        c1_channels: int = 48,
        dilations: Sequence[int] = (6, 12, 18),
        **kwargs,
    ) -> None:
        kwargs = {"dropout_ratio": 0.0, "align_corners": True, "init_cfg": None} | kwargs
        kwargs["norm_cfg"] = kwargs.get("norm_cfg") or {"type": "BN"}
        kwargs.setdefault("out_channels", kwargs["num_classes"])
        super().__init__(in_channels, channels, **kwargs)
        norm = self.norm_cfg
        self.aspp = ASPP(in_channels, channels, dilations, norm)
        self.bottleneck = conv_bn_relu((len(dilations) + 2) * channels, channels, 1, norm)
        self.reduce = conv_bn_relu(c1_in_channels, c1_channels, 1, norm)
        self.fuse = nn.Sequential(
            conv_bn_relu(channels + c1_channels, channels, 3, norm),
            conv_bn_relu(channels, channels, 3, norm),
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return logits at the size of the first feature map."""
        coarse = self.bottleneck(self.aspp(inputs[self.in_index]))
        fine = self.reduce(inputs[0])
        coarse = self.upsample(coarse, fine.shape[2:])
        return self.cls_seg(self.fuse(torch.cat([fine, coarse], dim=1)))

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return logits at the size of the images, ``(B, num_classes, H, W)``.

        Unlike the inherited method, do not warn for every image size that is not ``16n + 1``.
        """
        meta = batch_img_metas[0]
        sliding = isinstance(meta["img_shape"], torch.Size)  # set by mmseg's slide inference
        size = meta["img_shape"] if sliding else meta.get("pad_shape", meta["img_shape"])
        return self.upsample(seg_logits, size[:2])

    def upsample(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Resize a map of this head to a finer grid, ``(B, C, *size)``."""
        if self.stretch:
            return F.interpolate(x, tuple(size), mode="bilinear", align_corners=self.align_corners)
        return upsample(x, size, self.align_corners)


def upsample(x: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Upsample ``(B, C, h, w)`` to a finer grid, keeping every position where it belongs.

    With ``align_corners`` the positions are one stride apart, starting at the first pixel. If the
    size is a multiple of the stride plus 1, the last position falls on the last pixel. Otherwise,
    stretching the map as usual would shift the prediction by up to ``stride - 1`` pixels to the
    lower right. So the pixels beyond the last position repeat it instead. Without
    ``align_corners``, positions are the centers of equal areas.
    """
    size = tuple(size)
    steps = [stride(*pair) for pair in zip(size, x.shape[2:], strict=True)]
    fits = all((side - 1) % max(1, step) == 0 for side, step in zip(size, steps, strict=True))
    if not align_corners or fits or not all(steps):
        return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)
    x = F.pad(x, (0, 1, 0, 1), mode="replicate")
    full = [(cells - 1) * step + 1 for cells, step in zip(x.shape[2:], steps, strict=True)]
    x = F.interpolate(x, full, mode="bilinear", align_corners=True)
    return x[..., : size[0], : size[1]]


def stride(pixels: int, cells: int) -> int:
    """Return the power-of-two stride that maps the pixels to the cells, or 0 if there is none.

    >>> [stride(pixels, 5) for pixels in (65, 66, 80, 33, 60)]
    [16, 16, 16, 8, 0]
    """
    step = 1 << (ceil(pixels / cells) - 1).bit_length()
    return step if (cells - 1) * step < pixels <= cells * step else 0
