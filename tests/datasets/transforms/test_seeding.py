# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets.transforms.seeding import rng_of


def numbers(seed, tag):
    return tuple(rng_of({"seed": seed}, tag).integers(1 << 60, size=3))


def test_same_key_same_numbers_and_every_part_counts():
    keys = [
        ((0, 0, 0), "a"),
        ((1, 0, 0), "a"),
        ((0, 1, 0), "a"),
        ((0, 0, 1), "a"),
        ((0, 0, 0), "b"),
        ((0, 0, 0, 1), "a"),
    ]
    assert numbers(*keys[0]) == numbers(*keys[0])
    assert len({numbers(*key) for key in keys}) == len(keys)


def test_sample_without_seed_says_what_to_do():
    with pytest.raises(ValueError, match="Use training pipelines in SemiDataset"):
        rng_of({}, "geometry")


def test_numbers_are_the_same_in_every_process_and_version():
    raw = rng_of({"seed": (1, 2, 3)}, "geometry").bit_generator.random_raw(2)
    assert raw.tolist() == [13362205126140520883, 17210016875435886291]
