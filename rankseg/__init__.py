# SPDX-License-Identifier: Apache-2.0
"""rankseg: semi-supervised segmentation and classification for when labels are few."""

import warnings

from rankseg.version import __version__

# mmcv was installed without compiled operators, of which nothing here needs any
warnings.filterwarnings("ignore", message="Fail to import ``MultiScaleDeformableAttention``")

__all__ = ["__version__"]
