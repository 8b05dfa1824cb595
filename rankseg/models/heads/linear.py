# SPDX-License-Identifier: Apache-2.0
"""Linear decode head."""

from collections.abc import Sequence

from mmcv.cnn import build_norm_layer
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor

from rankseg.registry import MODELS


@MODELS.register_module()
class LinearHead(BaseDecodeHead):
    """Batch norm and one 1x1 convolution on a feature map.

    With a frozen backbone this is the linear probe for segmentation: the baseline that a method
    should beat before it is worth its time.

    Args:
        in_channels: Channels of the feature map. ``None`` takes those of the backbone.
        in_index: Index of the feature map, the last one by default.
        **kwargs: Further arguments of mmseg's ``BaseDecodeHead``: ``num_classes``, ``loss_decode``,
            ...

    Shape:
        - inputs: feature maps of the backbone, the selected one ``(B, in_channels, h, w)``
        - output: logits ``(B, num_classes, h, w)``

    Source: the linear evaluation of DINOv2 (arXiv:2304.07193), section 7.4.
    """

    def __init__(self, in_channels: int, in_index: int = -1, **kwargs) -> None:
        kwargs = {"dropout_ratio": 0.0, "align_corners": False, "init_cfg": None} | kwargs
        kwargs["norm_cfg"] = kwargs.get("norm_cfg") or {"type": "BN"}
        kwargs.setdefault("out_channels", kwargs["num_classes"])
        super().__init__(in_channels, in_channels, in_index=in_index, **kwargs)
        self.norm = build_norm_layer(self.norm_cfg, in_channels)[1]

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return logits at the size of the feature map."""
        return self.cls_seg(self.norm(self._transform_inputs(inputs)))
