# SPDX-License-Identifier: Apache-2.0
"""Transforms that load, crop, augment and pack samples."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # avoid a network request at import

from rankseg.datasets.transforms.geometry import RandomResizeCropFlip
from rankseg.datasets.transforms.image_level import DrawViews, LoadImage, ResizeCenter
from rankseg.datasets.transforms.loading import LoadSample
from rankseg.datasets.transforms.packing import PackEval, PackViews
from rankseg.datasets.transforms.pair_views import PairViews
from rankseg.datasets.transforms.photometric import StrongViews
from rankseg.datasets.transforms.seeding import rng_of
from rankseg.datasets.transforms.with_mix import WithMix

__all__ = [
    "DrawViews",
    "LoadImage",
    "LoadSample",
    "PackEval",
    "PackViews",
    "PairViews",
    "RandomResizeCropFlip",
    "ResizeCenter",
    "StrongViews",
    "WithMix",
    "rng_of",
]
