# SPDX-License-Identifier: Apache-2.0
"""Networks, losses and methods."""

from rankseg.missing_operators import declare_missing_operators

declare_missing_operators()  # before mmseg imports timm

from rankseg.models import (  # noqa: E402
    backbones,
    extended_segmentor,
    heads,
    losses,
    methods,
    preprocessor,
)

__all__ = ["backbones", "extended_segmentor", "heads", "losses", "methods", "preprocessor"]
