# SPDX-License-Identifier: Apache-2.0
"""What the heads of a segmentor give, and what that must be for a method to train on it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from rankseg.registry import MODELS


class Output(NamedTuple):
    """What a network says of a batch.

    Attributes:
        logits: ``(B, K, h, w)`` at the head's own resolution.
        feature: ``(B, C, h', w')`` from the feature tap, or None without one.
        auxiliary: What the student's auxiliary heads return for the labeled rows.
    """

    logits: Tensor
    feature: Tensor | None = None
    auxiliary: tuple[Any, ...] = ()

    def split(self, sizes: list[int]) -> list["Output"]:
        """Cut along the batch; what the auxiliary heads say belongs to the first piece.

        Features tapped before the perturbation have fewer rows, and end with the clean pieces.
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
    """The auxiliary heads of an mmseg segmentor, if it has any."""
    heads = getattr(network, "auxiliary_head", None)
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


def has_own_loss(head: type | None) -> bool:
    """True if a class of heads computes its loss in another way than heads of mmseg by default.

    ``STDCHead`` for example makes a map of boundaries out of the labels.
    """
    own = getattr(head, "loss_by_feat", None)
    return own is not None and own is not BaseDecodeHead.loss_by_feat


def check_outputs(student: Mapping) -> None:
    """Refuse heads that do not have one output for each of the same two classes or more.

    Methods read probabilities and confidence by a softmax over the outputs, which of a single one
    is always 1. Auxiliary heads with a loss of their own may have other outputs.

    Args:
        student: Config of a segmentor.

    Raises:
        ValueError: Naming the key, the value and the cure.
    """
    classes = None
    for key, head in _heads(student):
        number = head.get("num_classes")
        if number is None:  # a head that knows no classes, such as an embedding
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
    """Configs of the heads by their keys, the main one first."""
    for key in ("decode_head", "auxiliary_head"):
        found = student.get(key)
        if isinstance(found, Mapping):
            yield key, found
        for place, head in enumerate(found if isinstance(found, list | tuple) else ()):
            yield f"{key}.{place}", head
