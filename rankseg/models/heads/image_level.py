# SPDX-License-Identifier: Apache-2.0
"""Image classifier as a decode head, whose logits are maps of one pixel."""

from collections.abc import Mapping, Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm as apply_weight_norm

from rankseg.errors import expect
from rankseg.registry import MODELS


class AverageAndMax(nn.Module):
    """Sum of average and maximum over all positions, the pooling of Proxy-Anchor."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``(B, C, H, W)`` to ``(B, C, size, size)``."""
        return F.adaptive_avg_pool2d(x, self.size) + F.adaptive_max_pool2d(x, self.size)


POOLS = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d, "avg+max": AverageAndMax}


class ImagePool(nn.Module):
    """Global pooling to one feature per image: ``(B, C, H, W)`` to ``(B, C, 1, 1)``.

    Args:
        kind: ``"avg"``, ``"max"`` or ``"avg+max"``, their sum.
        normalize: Scale the feature to length 1.
    """

    def __init__(self, kind: str, normalize: bool) -> None:
        super().__init__()
        expect(kind in POOLS, "decode_head.pool", f"one of {', '.join(POOLS)}", kind)
        self.pool = POOLS[kind](1)
        self.normalize = normalize

    def forward(self, x: Tensor) -> Tensor:
        """Pool, then normalize if ``normalize`` is set."""
        x = self.pool(x)
        return F.normalize(x.float(), dim=1) if self.normalize else x


@MODELS.register_module()
class ImageLevelHead(BaseDecodeHead):
    """Decode head that classifies images, which turns a segmentor into a classifier.

    It pools a feature map. Labels and predictions are maps of one pixel, so everything that works
    on pixels works on images. The submodule ``pool`` outputs the features, ``(B, C, 1, 1)``: their
    feature tap is ``decode_head.pool``. The output of a branch is tapped as
    ``decode_head.branches.NAME``.

    Args:
        in_channels: Channels ``C`` of the feature map.
        num_classes: ``K``.
        in_index: Index of the feature map of the backbone to use.
        pool: ``"avg"``, ``"max"`` or ``"avg+max"`` over all positions.
        normalize: Scale the pooled feature to length 1.
        dropout_ratio: Dropout ratio before the classifier, not before the branches.
        weight_norm: Apply weight normalization to the classifier.
        classify: Name of the branch whose output the classifier reads; the pooled feature if None.
        probe: Make the classifier a linear probe: it learns, but passes no gradient to the network.
        branches: Further outputs by name, as configs of modules that take the pooled feature
            ``(B, C)``, such as :class:`~rankseg.models.layers.Projector`. ``in_channels`` defaults
            to that of the feature, and ``out_channels`` to ``K``.
        ignore_index: Label that the losses ignore.
        **kwargs: Further arguments of mmseg's ``BaseDecodeHead``, such as ``loss_decode``, by
            default the cross-entropy. Without ``init_cfg`` the classifier has PyTorch's default
            initialization.

    Shape:
        - inputs: feature maps of the backbone, the selected one ``(B, C, H, W)``
        - output: logits ``(B, K, 1, 1)``

    Raises:
        ValueError: If ``pool`` is unknown, ``classify`` is not the name of a branch, or the feature
            map does not have ``in_channels`` channels.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        in_index: int = -1,
        pool: str = "avg",
        normalize: bool = False,
        dropout_ratio: float = 0.0,
        weight_norm: bool = False,
        probe: bool = False,
        classify: str | None = None,
        branches: Mapping[str, dict] | None = None,
        ignore_index: int = -100,
        **kwargs,
    ) -> None:
        loss = dict(type="CrossEntropyLoss", avg_non_ignore=True)
        kwargs = {"init_cfg": None, "out_channels": num_classes, "loss_decode": loss} | kwargs
        names = sorted(branches or {})
        wanted = f"None, or one of decode_head.branches, {names}"
        expect(classify is None or classify in names, "decode_head.classify", wanted, classify)
        read = in_channels if classify is None else branches[classify].get("out_channels")
        super().__init__(
            in_channels,
            read or num_classes,
            num_classes=num_classes,
            in_index=in_index,
            dropout_ratio=dropout_ratio,
            ignore_index=ignore_index,
            **kwargs,
        )
        self.pool = ImagePool(pool, normalize)
        self.classify = classify
        self.probe = probe
        if weight_norm:
            apply_weight_norm(self.conv_seg)
        self.branches = nn.ModuleDict(
            {
                name: MODELS.build(
                    {"in_channels": in_channels, "out_channels": num_classes, **config}
                )
                for name, config in (branches or {}).items()
            }
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return logits; all branches run, so that their outputs can be tapped."""
        feature = self._transform_inputs(inputs)
        if feature.shape[1] != self.in_channels:
            raise ValueError(
                f"Expected decode_head.in_channels to be {feature.shape[1]}, as feature map "
                f"{self.in_index} of the backbone has, but got {self.in_channels}."
            )
        pooled = self.pool(feature)
        outputs = {name: branch(pooled.flatten(1)) for name, branch in self.branches.items()}
        if self.classify is not None:
            pooled = outputs[self.classify][:, :, None, None]
        return self.cls_seg(pooled.detach() if self.probe else pooled)

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return the logits unchanged, ``(B, K, 1, 1)``."""
        return seg_logits
