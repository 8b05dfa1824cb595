# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from rankseg.datasets.transforms.photometric import build_albumentation


def photo(size=32):
    small = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("factor", [0.05, 0.5, 0.8, 1.8])
def test_sharpness_is_that_of_pillow(factor):
    operation = build_albumentation({"type": "Sharpness", "factor": [factor, factor], "p": 1})
    got = operation(image=photo())["image"].astype(int)
    want = np.asarray(ImageEnhance.Sharpness(Image.fromarray(photo())).enhance(factor))
    assert np.abs(got - want)[1:-1, 1:-1].max() <= 1, "Pillow leaves the border as it is"
    assert np.abs(got - photo()).max() > 1


def test_cutout_is_a_gray_square_whose_center_is_anywhere():
    operation = build_albumentation({"type": "Cutout", "size": 8, "fill": 127, "p": 1})
    operation.set_random_seed(0)
    image, areas = np.zeros((16, 20, 3), np.uint8), []
    gray = np.zeros((16, 20))
    for _ in range(1500):
        got = operation(image=image)["image"]
        assert set(np.unique(got)) == {0, 127}
        rows, columns = np.nonzero(got[..., 0])
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert height <= 8 and width <= 8 and (got[..., 0] > 0).sum() == height * width
        areas.append(height * width)
        gray += got[..., 0] > 0
    assert not image.any(), "the image itself is left alone"
    assert min(areas) == 16 and max(areas) == 64, "cut at a corner, whole in the middle"
    middle = gray[8, 10] / 1500  # 8 of 16 rows, 8 of 20 columns
    assert middle == pytest.approx(8 / 16 * 8 / 20, abs=0.04)
    assert gray[0, 0] / 1500 == pytest.approx(5 / 16 * 5 / 20, abs=0.03)


@pytest.mark.parametrize("config", [
    {"type": "Sharpness", "factor": "much"}, {"type": "Cutout", "size": (1, 2)},
    {"type": "Cutout", "holes": 1}, {"type": "Cutout", "p": 3},
])  # fmt: skip
def test_bad_arguments(config):
    with pytest.raises(ValueError, match=f"arguments of {config['type']}"):
        build_albumentation(config)
