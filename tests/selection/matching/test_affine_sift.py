# SPDX-License-Identifier: Apache-2.0
"""Keypoints, their cache and matches of painted images."""

import os

import cv2
import numpy as np
import pytest

from rankseg.datasets.transforms.homography import MIRROR, box, move, resample, rotation
from rankseg.selection.matching.affine_sift import KeypointCache, Keypoints, alike, describe, match

SMALL = dict(side=120, tilts=0, limit=300)


def scene(seed, size=160):
    """Blots of many sizes."""
    rng = np.random.default_rng(seed)
    image = np.full((size, size, 3), 128, np.uint8)
    for _ in range(120):
        centre, radius = rng.integers(0, size, 2), int(rng.integers(2, 12))
        cv2.circle(image, tuple(centre.tolist()), radius, rng.integers(0, 256, 3).tolist(), -1)
    return image


@pytest.fixture(scope="module")
def first():
    return scene(0)


@pytest.mark.parametrize("to_first", [box(0.1, 0.1, 0.8, 0.8), rotation(40), box(0, 0, 0.7, 0.9)])
def test_the_map_between_two_looks_at_a_scene_is_found(first, to_first):
    found = match(*(describe(image, **SMALL) for image in (first, resample(first, to_first, 160))))
    assert found is not None and found.score >= 8
    points = np.array([[0.0, 0.0], [0.5, 0.4], [-0.3, 0.5]])
    np.testing.assert_allclose(move(to_first @ found.homography, points), points, atol=0.03)
    away = move(found.homography, found.keypoints[:, :2]) - found.keypoints[:, 2:]
    assert np.linalg.norm(away, axis=1).max() < 0.04
    assert len(np.unique(np.floor(found.keypoints / 0.02), axis=0)) == found.score


def test_tilted_looks_find_more_of_what_is_seen_from_the_side(first):
    side = resample(first, box(0, 0, 2.2, 1), 160)  # 2.2 times narrower
    plain, tilted = (
        match(*(describe(image, 120, tilts, 600) for image in (first, side))) for tilts in (0, 3)
    )
    assert tilted is not None and tilted.score > 2 * (0 if plain is None else plain.score)


def test_other_scenes_and_mirror_images_do_not_match(first):
    own = describe(first, **SMALL)
    assert match(own, describe(scene(1), **SMALL)) is None
    mirrored = Keypoints((own.place * [-1, 1]).astype(np.float32), own.descriptor)
    assert match(own, own) is not None and match(own, mirrored) is None
    assert match(own, describe(resample(first, MIRROR, 160), **SMALL)) is None


def test_an_image_without_keypoints(first):
    none = describe(np.full((50, 70, 3), 9, np.uint8), **SMALL)
    assert none.place.shape == (0, 2) and none.descriptor.shape == (0, 128)
    assert match(none, describe(first, **SMALL)) is None


def test_places_are_normalized_whatever_the_shape_of_the_image():
    image = np.zeros((100, 200, 3), np.uint8)
    cv2.circle(image, (150, 25), 8, (255, 255, 255), -1)
    place = describe(image, side=200, tilts=0).place
    assert np.abs(place - [0.505, -0.49]).max(1).min() < 0.02


def test_a_partner_must_be_nearer_than_any_that_lies_elsewhere():
    descriptor = np.zeros((4, 128), np.uint8)
    descriptor[:, 0] = (0, 10, 12, 200)
    second = Keypoints(np.array([[0, 0], [0.01, 0], [0.5, 0], [0.9, 0]], np.float32), descriptor)
    query = np.zeros((1, 128), np.uint8)
    query[0, 0] = 4  # 4 from the first, 6 from its twin, 8 from one elsewhere
    first = Keypoints(np.zeros((1, 2), np.float32), query)
    assert alike(first, second, 0.6)[1].tolist() == [0]
    assert alike(first, second, 0.4)[1].tolist() == []


MADE = Keypoints(np.ones((2, 2), np.float32), np.full((2, 128), 7, np.uint8))


@pytest.fixture
def image(tmp_path):
    (tmp_path / "image.png").write_text("pixels")
    return tmp_path / "image.png"


def same(found):
    return all(np.array_equal(one, other) for one, other in zip(found, MADE, strict=True))


def test_keypoints_are_made_once_for_an_image_and_settings(image, tmp_path):
    calls = []

    def make():
        calls.append(1)
        return MADE

    for settings in ("a", "a", "b"):
        assert same(KeypointCache(tmp_path / "kept", settings).get(image, make))
    assert len(calls) == 2
    os.utime(image, (1, 1))  # another image under this name
    assert same(KeypointCache(tmp_path / "kept", "a").get(image, make)) and len(calls) == 3


def test_a_damaged_file_is_made_anew(image, tmp_path):
    cache = KeypointCache(tmp_path / "kept", "a")
    cache.get(image, lambda: MADE)
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(b"damaged")
    assert same(cache.get(image, lambda: MADE))
    assert same(cache.get(image, None))


def test_without_a_folder_nothing_is_kept(image, tmp_path):
    assert same(KeypointCache(None, "a").get(image, lambda: MADE))
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
