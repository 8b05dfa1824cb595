# SPDX-License-Identifier: Apache-2.0
"""What an image and its label are: data sets, split lists, transforms, sampler."""

from rankseg.datasets.masks import read_mask

__all__ = ["read_mask"]
