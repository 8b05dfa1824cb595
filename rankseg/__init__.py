# SPDX-License-Identifier: Apache-2.0
"""rankseg: semi-supervised segmentation and classification for when labels are few.

Importing the package sets the wait policy of OpenMP. It does not import torch.
"""

import warnings

from rankseg.utils.wait_policy import set_wait_policy
from rankseg.version import __version__

set_wait_policy()  # before anything imports torch

# mmcv was installed without compiled operators, of which nothing here needs any
warnings.filterwarnings("ignore", message="Fail to import ``MultiScaleDeformableAttention``")

__all__ = ["__version__"]
