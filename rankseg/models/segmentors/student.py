# SPDX-License-Identifier: Apache-2.0
"""Outputs of a student network, and the checks that a method can train on it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.config import ConfigDict
from mmseg.models.decode_heads import ASPPHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.errors import expect
from rankseg.models.heads import DeepLabV3PlusHead
from rankseg.models.layers.taps import INPUT
from rankseg.models.losses.counting import counting_alone
from rankseg.models.losses.labeled import labeled_loss
from rankseg.models.segmentors.dry_run import first_line
from rankseg.registry import MODELS


class Output(NamedTuple):
    """Outputs of a network for a batch.

    Attributes:
        logits: ``(B, K, h, w)`` at the head's own resolution.
        feature: ``(B, C, h', w')`` output of the feature tap, or None without a tap.
        auxiliary: Outputs of the student's auxiliary heads for the labeled rows.
    """

    logits: Tensor
    feature: Tensor | None = None
    auxiliary: tuple[Any, ...] = ()

    def split(self, sizes: list[int]) -> list["Output"]:
        """Split along the batch; outputs of auxiliary heads go to the first piece.

        Features tapped before the perturbation have fewer rows and cover only the clean pieces.
        """
        features = [None] * len(sizes)
        if self.feature is not None:
            clean = len(sizes)
            while sum(sizes[:clean]) > len(self.feature):
                clean -= 1
            features[:clean] = self.feature.split(sizes[:clean])
        pieces = [Output(*pair) for pair in zip(self.logits.split(sizes), features, strict=True)]
        pieces[0] = pieces[0]._replace(auxiliary=self.auxiliary)
        return pieces


def auxiliary_heads(network: nn.Module) -> list[nn.Module]:
    """Return the auxiliary heads of an mmseg segmentor, if it has any."""
    heads = getattr(network, "auxiliary_head", None)
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


def has_own_loss(head: type | None) -> bool:
    """Return whether a head class overrides the default loss of mmseg heads.

    ``STDCHead``, for example, computes a boundary map from the labels.
    """
    own = getattr(head, "loss_by_feat", None)
    return own is not None and own is not BaseDecodeHead.loss_by_feat


def check_outputs(student: Mapping) -> None:
    """Check that all heads have one output per class, for the same two or more classes.

    Methods compute probabilities and confidence with a softmax over the outputs, which is always 1
    for a single output. Auxiliary heads with their own loss may have other outputs.
    """
    classes = None
    for key, head in heads_of(student):
        number = head.get("num_classes")
        if number is None:  # a head without classes, such as an embedding head
            continue
        if key.startswith("auxiliary") and has_own_loss(MODELS.get(head.get("type"))):
            continue
        classes = number if classes is None else classes
        wanted = f"{classes}, as in decode_head"
        name, cure = f"model.student.{key}.num_classes", f"Set it to {classes}."
        expect(number == classes, name, wanted, number, cure)
        outputs = head.get("out_channels") or number
        if number < 2 or outputs != number:
            wanted = max(2, number)
            raise ValueError(
                f"Expected model.student.{key} to have one output for each class, but got "
                f"out_channels={outputs} with num_classes={number}. Set num_classes={wanted}, "
                f"including the background, and out_channels={wanted}, and remove threshold and "
                "use_sigmoid, because the confidence of a single output would always be 1."
            )


def heads_of(student: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Yield the keys and configs of the heads, the main head first."""
    for key in ("decode_head", "auxiliary_head"):
        found = student.get(key)
        if isinstance(found, Mapping):
            yield key, found
        for place, head in enumerate(found if isinstance(found, list | tuple) else ()):
            yield f"{key}.{place}", head


HEAD_ATTRIBUTES = ("num_classes", "out_channels", "align_corners", "ignore_index", "loss_decode")
ONE_HEAD = (
    "Use type='EncoderDecoder' with a head that returns one map of logits, such as FCNHead, "
    "PSPHead, ASPPHead, UPerHead, SegformerHead or DeepLabV3PlusHead."
)


def check_network(network: nn.Module) -> None:
    """Check that a segmentor has the parts that a method needs, and complete its ``test_cfg``."""
    kind, head = type(network).__name__, getattr(network, "decode_head", None)
    if not hasattr(network, "extract_feat") or head is None:
        raise ValueError(
            f"Expected model.student to be a segmentor with extract_feat and decode_head, but got "
            f"{kind}. Use type='EncoderDecoder'."
        )
    if isinstance(head, nn.ModuleList):
        names = ", ".join(type(one).__name__ for one in head)
        raise ValueError(
            f"Expected model.student.decode_head to be one head, but got a list ({names}) in "
            f"{kind}. {ONE_HEAD}"
        )
    lacking = [name for name in HEAD_ATTRIBUTES if not hasattr(head, name)]
    if lacking:
        raise ValueError(
            "Expected model.student.decode_head to classify pixels, but got "
            f"{type(head).__name__}, which has no {', '.join(lacking)}. {ONE_HEAD}"
        )
    network.test_cfg = complete_test_cfg(getattr(network, "test_cfg", None))
    if network.test_cfg.get("evaluation") == "released" and head.out_channels == 1:
        raise ValueError(
            "Expected a head with one channel per class for model.student.test_cfg.evaluation="
            "'released', which takes the softmax of its channels, but got one channel. Set "
            "evaluation='exact'."
        )


def complete_test_cfg(test_cfg: dict[str, Any] | None) -> ConfigDict:
    """Return prediction settings with defaults filled in."""
    config = ConfigDict(test_cfg or {})
    mode = config.setdefault("mode", "whole")
    expect(mode in ("whole", "slide"), "model.student.test_cfg.mode", "'whole' or 'slide'", mode)
    kinds, kind = ("exact", "released"), config.get("evaluation", "exact")
    expect(kind in kinds, "model.student.test_cfg.evaluation", f"one of {kinds}", kind)
    if mode == "slide":
        for name in ("crop_size", "stride"):
            given = config.get(name)
            wanted = "two numbers of pixels"
            cure = f"Set {name}=(height, width), or mode='whole'."
            expect(given is not None, f"model.student.test_cfg.{name}", wanted, None, cure)
            config[name] = (given, given) if isinstance(given, int) else tuple(given)
    return config


def default_tap(network: nn.Module) -> str:
    """Return the name of the feature that methods compare by default.

    For heads with ASPP this is the output of ASPP, as in the RankMatch paper. For other heads it is
    the input of the per-pixel classifier, before its dropout. If the head has no such classifier,
    it is the last feature map of the neck or the backbone.
    """
    head = network.decode_head
    if isinstance(head, DeepLabV3PlusHead | ASPPHead):
        return "decode_head.bottleneck"
    if isinstance(getattr(head, "conv_seg", None), nn.Module):
        dropout = isinstance(getattr(head, "dropout", None), nn.Module)
        return f"decode_head.{'dropout' if dropout else 'conv_seg'}{INPUT}"
    return "neck" if isinstance(getattr(network, "neck", None), nn.Module) else "backbone"


def first_rows(features: Any, count: int) -> Any:
    """Return the first rows of the batch in feature maps, which may be nested with class tokens."""
    if isinstance(features, Tensor):
        return features[:count]
    return [first_rows(one, count) for one in features]


def upsample(logits: Tensor, size: Sequence[int], head: nn.Module) -> Tensor:
    """Resize the logits of a head to the size of the labels, in float32, as for a prediction.

    ``DeepLabV3PlusHead`` keeps every position where it belongs; mmseg's heads stretch the map.
    """
    if logits.shape[2:] == tuple(size):
        return logits.float()
    if isinstance(head, DeepLabV3PlusHead):
        return head.upsample(logits.float(), size)
    return F.interpolate(
        logits.float(), tuple(size), mode="bilinear", align_corners=head.align_corners
    )


def head_loss(head: nn.Module, logits: Any, data_samples: list, label: Tensor) -> Tensor:
    """Return the sum of the losses in the config of a head for stacked labels ``(B, 1, H, W)``.

    Heads that override the loss use ``data_samples`` instead.
    """
    if has_own_loss(type(head)):
        losses = head.loss_by_feat(logits, data_samples)
        return sum(value for name, value in losses.items() if "loss" in name)
    # Skip the accuracy that mmseg's loss_by_feat also computes.
    logits = upsample(logits, label.shape[2:], head)
    weight = None if head.sampler is None else head.sampler.sample(logits, label)
    losses = head.loss_decode
    losses = losses if isinstance(losses, nn.ModuleList) else [losses]
    label = label.squeeze(1)
    return sum(labeled_loss(loss, logits, label, weight, head.ignore_index) for loss in losses)


def check_losses(network: nn.Module) -> None:
    """Compute the labeled loss of every head on a few random pixels.

    The random state of the process is preserved.
    """
    heads = {"decode_head": network.decode_head}
    heads |= {f"auxiliary_head[{i}]": one for i, one in enumerate(auxiliary_heads(network))}
    for name, head in heads.items():
        if has_own_loss(type(head)):
            continue
        classes = head.num_classes
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(2, head.out_channels, 8, 8, generator=generator).requires_grad_()
        label = torch.randint(classes, (2, 1, 8, 8), generator=generator)
        label[:, :, 0] = head.ignore_index if head.ignore_index is not None else 0
        with torch.random.fork_rng(devices=[]):
            problem = _problem_of(head, logits, label)
        if problem:
            kinds = head.loss_decode
            kinds = kinds if isinstance(kinds, nn.ModuleList) else [kinds]
            names = ", ".join(type(one).__name__ for one in kinds)
            if head.sampler is not None:
                names += f" with {type(head.sampler).__name__}"
            raise ValueError(
                f"Expected model.student.{name}.loss_decode ({names}) to return one number for "
                f"labels of {classes} classes, but {problem}. Use CrossEntropyLoss (with "
                "class_weight for rare classes) or OhemCrossEntropyLoss of this package (for hard "
                "pixels, in place of a sampler), alone or with DiceLoss or LovaszLoss."
            )


def _problem_of(head: nn.Module, logits: Tensor, label: Tensor) -> str:
    """Describe what is wrong with the loss of a head; empty if nothing is."""
    try:
        with counting_alone():  # the main process checks before the others begin
            loss = head_loss(head, logits, [], label)
    except Exception as error:  # mmseg or user code can raise anything
        return f"it failed: {first_line(error)}"
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        return f"it returned {shape}"
    if not loss.requires_grad:
        return "it returned a number without a gradient"
    return "" if torch.isfinite(loss).item() else f"it returned {loss.item()}"
