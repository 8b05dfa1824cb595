# SPDX-License-Identifier: Apache-2.0
import json
import sys

import numpy as np
import pytest

from rankseg.errors import FileError
from rankseg.projects.outline_masks import read_outlines
from rankseg.testing.raw import write_coco

pytest.importorskip("pycocotools")


def change(path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_smaller_outlines_are_drawn_over_larger_ones(tmp_path):
    images, coco = write_coco(tmp_path, masks=2, more=1)
    found = read_outlines(coco, images)
    assert found.classes == ("background", "nucleus", "cell")
    assert [path.name for path in found.images] == ["00.png", "01.png"]
    assert [path.name for path in found.empty] == ["02.png"]
    mask = found.draw(found.images[images / "00.png"])
    assert mask.shape == (72, 96) and mask.dtype == np.uint8
    assert (mask[5, 5], mask[15, 15], mask[25, 25], mask[45, 45]) == (0, 2, 1, 2)


def test_images_are_found_by_name_and_missing_ones_noted(tmp_path):
    images, coco = write_coco(tmp_path, masks=2, more=0)
    (images / "00.png").unlink()
    (images / "s").mkdir()
    (images / "01.png").rename(images / "s/01.png")
    found = read_outlines(coco, images)
    assert list(found.images) == [images / "s/01.png"]
    assert "1 image listed in outlines.json, not found: 00.png" in found.notes


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"annotations": 3}, "to be a COCO file.* has no list of annotations. .*'COCO'"),
        ({"images": [{"id": 1}]}, "of the 0 images .* no outline .*unknown image id"),
        ({"categories": []}, r"no outline .*\(2 unknown category id\)"),
        ({"annotations": []}, r"of the 2 images that it lists, no outline .*no annotations"),
    ],
)
def test_raises_on_unusable_files(tmp_path, changes, match):
    images, coco = write_coco(tmp_path, masks=1, more=1)
    change(coco, **changes)
    with pytest.raises(FileError, match=match):
        read_outlines(coco, images)


def test_raises_on_invalid_json(tmp_path):
    images, coco = write_coco(tmp_path, masks=1, more=1)
    coco.write_text("{")
    with pytest.raises(FileError, match="outlines.json to be JSON, but Expecting property name"):
        read_outlines(coco, images)


def test_raises_without_pycocotools(tmp_path, monkeypatch):
    images, coco = write_coco(tmp_path, masks=1, more=0)
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(ValueError, match="outlines.json.* pip install pycocotools"):
        read_outlines(coco, images)
