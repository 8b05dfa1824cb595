# SPDX-License-Identifier: Apache-2.0
"""The types on the arrows: names of views, keys of samples, pseudo-labels.

Views have one vocabulary from the loader to the logs: ``labeled``, ``labeled_twin``,
``weak``, ``strong1``, ``strong2``, ..., and ``mix_weak``, ``mix_strong1``, ... for a second draw,
which is pasted in.
"""

from typing import NamedTuple

from torch import Tensor

LABELED = "labeled"
TWIN = "labeled_twin"  # a second draw of the labelled images
WEAK = "weak"


def strong(number: int) -> str:
    """Name of the strong view with this number, counted from 1."""
    return f"strong{number}"


def mix(view: str) -> str:
    """Name of the same view in the second draw, the one that is pasted in."""
    return f"mix_{view}"


class SampleKey(NamedTuple):
    """What the sampler yields: which image, and which pass over the data it belongs to.

    The pass is part of the random seed of the sample, so an image looks different in every pass
    and the same whatever the number of workers or the iteration at which a run was resumed.

    Attributes:
        index: Of the image in its data set.
        draw: The pass.
        label: For an unlabelled image that is to be loaded as a labelled one: its class.
    """

    index: int
    draw: int = 0
    label: int | None = None


class PseudoLabel(NamedTuple):
    """A prediction used as a target.

    Attributes:
        label: ``(B, H, W)`` int64 class ids.
        confidence: ``(B, H, W)`` float in ``[0, 1]``, the largest softmax probability.
        valid: ``(B, H, W)`` bool, false where the crop is padding.
    """

    label: Tensor
    confidence: Tensor
    valid: Tensor
