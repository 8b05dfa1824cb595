# SPDX-License-Identifier: Apache-2.0
"""Networks, losses and training methods."""

from rankseg.models import backbones, extended_segmentor, heads, losses, methods, preprocessor

__all__ = ["backbones", "extended_segmentor", "heads", "losses", "methods", "preprocessor"]
