# SPDX-License-Identifier: Apache-2.0
"""From a file to the views of a batch: load, place, recolour, pack."""

from rankseg.datasets.transforms.geometry import RandomResizeCropFlip
from rankseg.datasets.transforms.loading import LoadSample
from rankseg.datasets.transforms.packing import PackEval, PackViews
from rankseg.datasets.transforms.photometric import StrongViews
from rankseg.datasets.transforms.seeding import rng_of
from rankseg.datasets.transforms.with_mix import WithMix

__all__ = [
    "LoadSample",
    "PackEval",
    "PackViews",
    "RandomResizeCropFlip",
    "StrongViews",
    "WithMix",
    "rng_of",
]
