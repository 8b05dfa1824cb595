# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from rankseg.errors import FileError
from rankseg.projects.mask_decoding import read_merged


@pytest.fixture
def join(tmp_path):
    def read(*masks: np.ndarray | Image.Image) -> np.ndarray:
        paths = [tmp_path / f"{k}.png" for k in range(len(masks))]
        for path, mask in zip(paths, masks, strict=True):
            (mask if isinstance(mask, Image.Image) else Image.fromarray(mask)).save(path)
        return read_merged(paths)

    return read


def box(left: int, value: int = 255, width: int = 4) -> np.ndarray:
    mask = np.zeros((10, 20), np.uint8)
    mask[2:6, left : left + width] = value
    return mask


def test_masks_are_merged(join):
    found = join(box(0), box(8), box(10))
    assert np.array_equal(found.values, np.maximum(np.maximum(box(0), box(8)), box(10)))
    assert np.array_equal(join(box(0, 1), box(8, 2)).values, box(0, 1) + box(8, 2))


def test_masks_of_several_kinds_are_merged_by_color(join):
    found = join(box(0), Image.fromarray(box(8) > 0), np.repeat(box(12)[..., None], 3, 2))
    assert np.array_equal(found.as_colors() == 0xFFFFFF, (box(0) + box(8) + box(12)) > 0)


def test_raises_on_contradicting_masks(join):
    with pytest.raises(FileError, match="8 pixels of .*1.png have another class .*column 2, row 2"):
        join(box(0, 1), box(2, 2))
    with pytest.raises(FileError, match="0.png is 20x10 and .*1.png is 19x10"):
        join(box(0), box(0)[:, :19])
    with pytest.raises(FileError, match="92% of the pixels .* invert the masks"):
        join(255 - box(0), 255 - box(0, width=2))
