# SPDX-License-Identifier: Apache-2.0
"""Helpers for methods that train on images with one label each."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from rankseg.models.layers import find_module


def refuse_masks(dataset: Any, method: object) -> None:
    """Check that a data set has one class per image, not masks.

    Args:
        dataset: The :class:`~rankseg.datasets.SemiDataset` of the training loader.
        method: The method, named in the error message.

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
    """Return the ``(B,)`` int64 classes of the images."""
    return torch.cat([sample.gt_sem_seg.data.flatten() for sample in data_samples])


def find_projector(student: nn.Module, name: str) -> nn.Module:
    """Return the submodule of a student that outputs embeddings.

    Args:
        student: The student.
        name: Dotted name of the submodule (option ``embedding_tap``).

    Raises:
        ValueError: If there is no such submodule, or it does not define its embedding size.
    """
    tapped = find_module(student, name, "embedding_tap")
    if not hasattr(tapped, "out_channels"):
        raise ValueError(
            f"model.embedding_tap={name!r} is a {type(tapped).__name__}: expected a Projector, for "
            "example in model.student.decode_head.branches"
        )
    return tapped
