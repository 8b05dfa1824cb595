# SPDX-License-Identifier: Apache-2.0
"""Seeding of the random number generators of all transforms."""

from zlib import crc32

import numpy as np


def seed_of(results: dict) -> tuple[int, ...]:
    """Return the seed of a sample: (seed of the run, pass over the data, index of the image).

    Raises:
        ValueError: If the sample has no ``seed``.
    """
    if "seed" not in results:
        raise ValueError(
            "Expected a 'seed' in the sample for random transforms, but got none. Use training "
            "pipelines in SemiDataset, which sets it, or set results['seed'] = (seed, draw, index)."
        )
    return results["seed"]


def rng_of(results: dict, tag: str) -> np.random.Generator:
    """Return the random number generator of one sample and one purpose.

    It depends only on the sample's seed and the tag, not on the worker, the process, the iteration,
    or the numbers that other transforms have drawn. A run therefore gives the same pixels with 0 or
    8 workers and after a resume.

    Args:
        results: The sample, with ``seed``, a tuple of non-negative integers.
        tag: Purpose of the numbers, such as ``"geometry"``; different tags give different numbers.

    Raises:
        ValueError: If the sample has no ``seed``.
    """
    return np.random.default_rng((*seed_of(results), crc32(tag.encode())))
