# SPDX-License-Identifier: Apache-2.0
"""Light DPT head for the feature maps of a vision transformer."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.registry import MODELS

SCALES = (4, 2, 1, 0.5)
"""Size of the four maps relative to the patches: the first is the finest."""


class ResidualConv(nn.Module):
    """Two 3x3 convolutions with ReLU before each, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the same shape."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Fusion(nn.Module):
    """Add a finer map to the coarser path, unless there is none, refine, resize and project."""

    def __init__(self, channels: int, align_corners: bool, coarsest: bool) -> None:
        super().__init__()
        self.skip = None if coarsest else ResidualConv(channels)
        self.refine = ResidualConv(channels)
        self.project = nn.Conv2d(channels, channels, 1)
        self.align_corners = align_corners

    def forward(self, path: Tensor | None, x: Tensor, size: Sequence[int]) -> Tensor:
        """Return ``(B, channels, *size)``; the coarsest fusion has no path."""
        x = x if self.skip is None else path + self.skip(x)
        x = F.interpolate(
            self.refine(x), tuple(size), mode="bilinear", align_corners=self.align_corners
        )
        return self.project(x)


@MODELS.register_module()
class LightDPTHead(BaseDecodeHead):
    """Decode head of a dense prediction transformer, in the light form of UniMatch V2.

    Four maps of a vision transformer, all at the size of the patches, are resampled to four scales
    and fused from coarse to fine. RankMatch correlates the input of the classifier ``conv_seg`` by
    default; ``feature_tap="decode_head.fusions.1"`` names a map of half that resolution.

    Args:
        in_channels: Channels of the four maps. ``None`` takes those of the backbone.
        channels: Channels of the fused maps.
        level_channels: Channels of the four resampled maps.
        in_index: Indices of the four maps.
        **kwargs: Further arguments of mmseg's ``BaseDecodeHead``: ``num_classes``, ``loss_decode``,
            ...

    Shape:
        - inputs: feature maps of the backbone, four ``(B, in_channels[i], h, w)``
        - output: logits ``(B, num_classes, 8h, 8w)``

    Raises:
        ValueError: If there are not four maps.

    Source: Ranftl et al., DPT (ICCV 2021), with the sizes of UniMatch V2 (arXiv:2410.10777) for
        DINOv2-B: 128 channels, levels of 96, 192, 384, 768, no batch norm. For DINOv2-S it has 64
        channels and levels of 48, 96, 192, 384.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 128,
        level_channels: Sequence[int] = (96, 192, 384, 768),
        in_index: Sequence[int] = (0, 1, 2, 3),
        **kwargs,
    ) -> None:
        in_channels = list(in_channels) if isinstance(in_channels, Sequence) else [in_channels]
        if not len(in_channels) == len(level_channels) == len(in_index) == len(SCALES):
            raise ValueError(
                f"Expected LightDPTHead to get {len(SCALES)} feature maps, but got in_channels="
                f"{in_channels}, in_index={tuple(in_index)} and level_channels="
                f"{tuple(level_channels)}. Set out_indices of the backbone to four blocks, for "
                "example (2, 5, 8, 11)."
            )
        kwargs = {"dropout_ratio": 0.0, "align_corners": False, "init_cfg": None} | kwargs
        kwargs.setdefault("out_channels", kwargs["num_classes"])
        super().__init__(
            in_channels, channels, in_index=list(in_index), input_transform="multiple_select",
            **kwargs,
        )  # fmt: skip
        self.projects = nn.ModuleList(
            nn.Conv2d(*pair, 1) for pair in zip(in_channels, level_channels, strict=True)
        )
        first, second, _, last = level_channels
        self.resamples = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, 4, stride=4),
                nn.ConvTranspose2d(second, second, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(last, last, 3, stride=2, padding=1),
            ]
        )
        self.levels = nn.ModuleList(
            nn.Conv2d(level, channels, 3, padding=1, bias=False) for level in level_channels
        )
        self.fusions = nn.ModuleList(
            Fusion(channels, self.align_corners, scale is SCALES[-1]) for scale in SCALES
        )
        self.output = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return logits at eight times the resolution of the patches.

        Raises:
            ValueError: If the maps differ in size, as those of a hierarchical encoder do.
        """
        sizes = [tuple(one.shape[2:]) for one in self._transform_inputs(inputs)]
        if len(set(sizes)) > 1:
            raise ValueError(
                f"Expected four maps of one size for LightDPTHead, as a plain transformer has, but "
                f"got {sizes}. Use DeepLabV3PlusHead or LinearHead for this backbone."
            )
        maps = [
            level(resample(project(x)))
            for level, resample, project, x in zip(
                self.levels,
                self.resamples,
                self.projects,
                self._transform_inputs(inputs),
                strict=True,
            )
        ]
        finest = [2 * side for side in maps[0].shape[2:]]
        sizes = [finest, *(one.shape[2:] for one in maps[:-1])]
        path = None
        for fusion, x, size in reversed(list(zip(self.fusions, maps, sizes, strict=True))):
            path = fusion(path, x, size)
        return self.cls_seg(self.output(path))
