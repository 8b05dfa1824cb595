# SPDX-License-Identifier: Apache-2.0
"""rankseg: semi-supervised segmentation and classification for when labels are few."""

from rankseg.version import __version__

__all__ = ["__version__"]
