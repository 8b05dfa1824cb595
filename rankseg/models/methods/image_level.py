# SPDX-License-Identifier: Apache-2.0
"""What methods for images with one label share."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from rankseg.models.layers import find_module


def refuse_masks(dataset: Any, method: object) -> None:
    """Refuse masks where an image has one label.

    Args:
        dataset: The :class:`~rankseg.datasets.SemiDataset` of the training loader.
        method: Which needs classes of images, for the message.

    Raises:
        ValueError: If labels are masks.
    """
    if not hasattr(dataset.labeled, "class_ids"):
        raise ValueError(
            f"{type(method).__name__} labels whole images, but the labels of "
            f"{type(dataset.labeled).__name__} are masks: use a data set with one class per "
            "image, such as ClassFolderDataset"
        )


def classes_of(data_samples: Sequence[SegDataSample]) -> Tensor:
    """``(B,)`` int64 class of every image."""
    return torch.cat([sample.gt_sem_seg.data.flatten() for sample in data_samples])


def find_projector(student: nn.Module, name: str) -> nn.Module:
    """The submodule of a student that makes embeddings.

    Args:
        student: The student.
        name: Dotted name of the submodule, the option ``embedding_tap``.

    Raises:
        ValueError: If there is none of that name, or it does not say how long an embedding is.
    """
    tapped = find_module(student, name, "embedding_tap")
    if not hasattr(tapped, "out_channels"):
        raise ValueError(
            f"model.embedding_tap={name!r} is a {type(tapped).__name__}: expected a Projector, for "
            "example in model.student.decode_head.branches"
        )
    return tapped
