# SPDX-License-Identifier: Apache-2.0
import os

import numpy as np
import pytest

from rankseg.selection.matching.affine_sift import Keypoints
from rankseg.selection.matching.keypoint_cache import KeypointCache

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
