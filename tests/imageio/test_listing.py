# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from PIL import Image

from rankseg.imageio.listing import list_images, walk_images
from rankseg.imageio.reading import read_image, read_image_info

FORMATS = {"jfif": "JPEG", "jpe": "JPEG", "jp2": "JPEG2000", "pbm": "PPM"}


@pytest.mark.parametrize("ending", FORMATS)
def test_rare_endings_are_read_as_pillow_reads_them(tmp_path, ending):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    image = Image.fromarray(cv2.GaussianBlur(noise, (0, 0), 2))
    path = tmp_path / f"a.{ending}"
    (image.convert("1") if ending == "pbm" else image).save(path, format=FORMATS[ending])
    assert walk_images(tmp_path) == [path]
    assert tuple(read_image_info(str(path), decode=False)[:2]) == (40, 60)
    assert np.array_equal(read_image(path), np.asarray(Image.open(path).convert("RGB")))


def write(path, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size).save(path)
    return path


def test_lists_images_of_all_folders_by_number(tmp_path):
    for name in ("s10.png", "s9.png", "a/b.tif", "a/c.jpg", ".hidden/x.png", ".s1.png"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    assert [name for _, name in list_images(tmp_path)] == ["a/b", "a/c", "s9", "s10"]
    assert list_images(tmp_path / "s9.png") == [(tmp_path / "s9.png", "s9")]


def test_raises_without_images_or_on_equal_names(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no to be an image or a folder of images, but it does not exist"
    ):
        list_images(tmp_path / "no")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(
        FileNotFoundError, match=r"to contain images \(.png, .*but it contains none"
    ):
        list_images(tmp_path)
    write(tmp_path / "x/a.png")
    write(tmp_path / "x/a.jpg")
    with pytest.raises(
        ValueError, match=r"a\.jpg and .*a\.png, whose results would share the name x/a"
    ):
        list_images(tmp_path)
