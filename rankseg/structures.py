# SPDX-License-Identifier: Apache-2.0
"""Data types that components exchange: view names, sample keys and pseudo-labels.

The view names are the same from the data loader to the logs: ``labeled``, ``labeled_twin``,
``weak``, ``strong1``, ``strong2``, ..., and ``mix_weak``, ``mix_strong1``, ... for the second
draw, which is pasted into the first.
"""

from typing import NamedTuple

from torch import Tensor

LABELED = "labeled"
TWIN = "labeled_twin"  # second draw of the labeled images
WEAK = "weak"


def strong(number: int) -> str:
    """Return the name of the strong view with this number, counted from 1."""
    return f"strong{number}"


def mix(view: str) -> str:
    """Return the name of a view in the second draw, which is pasted into the first."""
    return f"mix_{view}"


class SampleKey(NamedTuple):
    """Key that the sampler yields for one image in one pass over the data.

    The pass is part of the sample's random seed. An image therefore gets a different augmentation
    in every pass, independent of the number of workers and of where a run was resumed.

    Attributes:
        index: Index of the image in its data set.
        draw: Number of the pass.
        label: Class of an unlabeled image that is loaded as a labeled one, else None.
    """

    index: int
    draw: int = 0
    label: int | None = None


class PseudoLabel(NamedTuple):
    """Prediction used as a training target.

    Attributes:
        label: ``(B, H, W)`` int64 class ids.
        confidence: ``(B, H, W)`` float, the largest softmax probability, in ``[0, 1]``.
        valid: ``(B, H, W)`` bool, false where the crop is padding.
    """

    label: Tensor
    confidence: Tensor
    valid: Tensor
