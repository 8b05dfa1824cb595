# SPDX-License-Identifier: Apache-2.0
"""Networks, losses and training methods."""

from rankseg.models import backbones, heads, losses, methods, preprocessor, segmentors

__all__ = ["backbones", "heads", "losses", "methods", "preprocessor", "segmentors"]
