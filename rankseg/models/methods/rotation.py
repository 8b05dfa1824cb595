# SPDX-License-Identifier: Apache-2.0
"""Self-supervised pretext task: predict by how many degrees an image was rotated."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.models.heads import ImageLevelHead
from rankseg.models.methods.base import Method
from rankseg.registry import MODELS
from rankseg.structures import WEAK

ROTATIONS = 4


def all_rotations(images: Tensor) -> tuple[Tensor, Tensor]:
    """Rotate images ``(B, C, S, S)`` by 0, 90, 180 and 270 degrees counter-clockwise.

    Return ``(4 B, C, S, S)`` images, grouped by rotation, and the ``(4 B,)`` int64 rotations.
    """
    if images.shape[-2] != images.shape[-1]:
        raise ValueError(
            "Expected square views, because Rotation turns them by 90 degrees, but got "
            f"{images.shape[-1]}x{images.shape[-2]} pixels. Set the size of DrawViews."
        )
    rotated = torch.cat([images.rot90(number, (2, 3)) for number in range(ROTATIONS)])
    label = torch.arange(ROTATIONS, device=images.device).repeat_interleave(len(images))
    return rotated, label


@MODELS.register_module()
class Rotation(Method):
    r"""Rotation prediction among four quarter turns, used to pretrain other methods.

    .. math:: L = \frac{1}{4 B} \sum_{i, t} -\log p(t | \text{image}_i \text{ turned by } t)

    The method uses the weak views of the unlabeled images, each in all four rotations. The linear
    layer ``turns``, whose name is part of checkpoints, predicts the rotation from the pooled
    feature. It belongs to this method and not to the student, so another method can start from the
    checkpoint with ``load_from`` and drop it. The student's own classifier is not trained.

    Args:
        student: Config of the segmentor, with an
            :class:`~rankseg.models.heads.ImageLevelHead`.
        **kwargs: Arguments of :class:`~rankseg.models.methods.base.Method`.

    Raises:
        ValueError: If the head has another type.

    Source: Gidaris et al. (ICLR 2018); the initialization of LMCS in table 3.9 of the dissertation.
    """

    views = (WEAK,)
    feature_tap = "decode_head.pool"

    def __init__(self, student: dict, **kwargs) -> None:
        super().__init__(student, **kwargs)
        head = self.student.decode_head
        if not isinstance(head, ImageLevelHead):
            raise ValueError(
                "Expected model.student.decode_head to be an ImageLevelHead, because Rotation "
                f"classifies whole images, but got {type(head).__name__}."
            )
        self.turns = nn.Linear(head.in_channels, ROTATIONS)

    def loss(self, inputs: dict[str, Tensor], data_samples: dict[str, list]) -> dict[str, Tensor]:
        """Compute the loss; ``right`` is the share of correctly predicted rotations."""
        images, label = all_rotations(inputs[WEAK])
        logits = self.turns(self.run(self.student, images).feature.flatten(1)).float()
        right = (logits.detach().argmax(1) == label).float().mean()
        return {"loss_rotation": F.cross_entropy(logits, label), "right": right}
