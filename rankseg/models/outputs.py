# SPDX-License-Identifier: Apache-2.0
"""Outputs of a segmentor's heads, and the checks that a method can train on them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

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

    Args:
        student: Config of a segmentor.

    Raises:
        ValueError: If the check fails; the message names the key, the value and the fix.
    """
    classes = None
    for key, head in _heads(student):
        number = head.get("num_classes")
        if number is None:  # a head without classes, such as an embedding head
            continue
        if key.startswith("auxiliary") and has_own_loss(MODELS.get(head.get("type"))):
            continue
        classes = number if classes is None else classes
        if number != classes:
            raise ValueError(
                f"model.student.{key}: expected num_classes={classes}, as decode_head has, but got "
                f"num_classes={number}. Set it to {classes}"
            )
        outputs = head.get("out_channels") or number
        if number < 2 or outputs != number:
            wanted = max(2, number)
            raise ValueError(
                f"model.student.{key}: expected one output for each class, but got out_channels="
                f"{outputs} with num_classes={number}. Set num_classes={wanted}, background "
                f"included, and out_channels={wanted}, and leave threshold and use_sigmoid out: "
                "the confidence of a single sigmoid output would always be 1"
            )


def _heads(student: Mapping) -> Iterator[tuple[str, Mapping]]:
    """Yield the keys and configs of the heads, the main head first."""
    for key in ("decode_head", "auxiliary_head"):
        found = student.get(key)
        if isinstance(found, Mapping):
            yield key, found
        for place, head in enumerate(found if isinstance(found, list | tuple) else ()):
            yield f"{key}.{place}", head
