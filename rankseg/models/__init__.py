# SPDX-License-Identifier: Apache-2.0
"""Networks, losses and methods."""

from rankseg.models import backbones, heads, losses, methods, preprocessor

__all__ = ["backbones", "heads", "losses", "methods", "preprocessor"]
