# SPDX-License-Identifier: Apache-2.0
"""Transform that adds a second augmentation of the same image, for mixing methods."""

from mmcv.transforms import BaseTransform

from rankseg.datasets.transforms.packing import views_of
from rankseg.datasets.transforms.seeding import seed_of
from rankseg.registry import TRANSFORMS
from rankseg.structures import mix

VALID = "valid"


@TRANSFORMS.register_module()
class WithMix(BaseTransform):
    """Run transforms twice on one loaded image and keep both results.

    The first result keeps its names. The views of the second result and its valid map are added
    with the prefix ``mix_``: ``mix_weak``, ``mix_strong1``, ..., ``mix_valid``. The image is
    decoded once. For methods with ``mix_source="same"``.

    Args:
        transforms: Configs of the transforms to run twice, such as the geometry and
            ``StrongViews``. They must draw their random numbers from ``rng_of``.

    Raises:
        ValueError: If the list of transforms is empty.
    """

    def __init__(self, transforms: list[dict]) -> None:
        if not transforms:
            raise ValueError(
                "Expected transforms of WithMix, which run twice, but got an empty list."
            )
        self.transforms = [TRANSFORMS.build(config) for config in transforms]

    def transform(self, results: dict) -> dict:
        """Add the second result to the sample."""
        second = dict(results, seed=(*seed_of(results), 1))
        for one in self.transforms:
            results, second = one(results), one(second)
        for view, image in views_of(second).items():
            results[mix(view)] = image
        if VALID in second:
            results[mix(VALID)] = second[VALID]
        return results

    def __repr__(self) -> str:
        return f"WithMix(transforms={self.transforms})"
