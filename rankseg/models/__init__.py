# SPDX-License-Identifier: Apache-2.0
"""Networks, losses and methods."""

from rankseg.models import heads, losses, methods, preprocessor

__all__ = ["heads", "losses", "methods", "preprocessor"]
