# SPDX-License-Identifier: Apache-2.0
"""Networks, losses and training methods."""

from rankseg.models.torchvision_operators import declare_missing_operators

declare_missing_operators()  # before mmseg imports timm

from rankseg.models import (  # noqa: E402
    backbones,
    heads,
    losses,
    methods,
    preprocessor,
    segmentors,
)

__all__ = ["backbones", "heads", "losses", "methods", "preprocessor", "segmentors"]
