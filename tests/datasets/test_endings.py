# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from PIL import Image

from rankseg.imageio.reading import look_at, read_image
from rankseg.inference.pictures import walk_images

FORMATS = {"jfif": "JPEG", "jpe": "JPEG", "jp2": "JPEG2000", "pbm": "PPM"}


@pytest.mark.parametrize("ending", FORMATS)
def test_rare_endings_are_read_as_pillow_reads_them(tmp_path, ending):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    image = Image.fromarray(cv2.GaussianBlur(noise, (0, 0), 2))
    path = tmp_path / f"a.{ending}"
    (image.convert("1") if ending == "pbm" else image).save(path, format=FORMATS[ending])
    assert walk_images(tmp_path) == [path]
    assert tuple(look_at(str(path), decode=False)[:2]) == (40, 60)
    assert np.array_equal(read_image(path), np.asarray(Image.open(path).convert("RGB")))
