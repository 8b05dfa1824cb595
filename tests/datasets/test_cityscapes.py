# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from rankseg.datasets import CityscapesDataset

IMAGE = "leftImg8bit/val/ulm/ulm_0_leftImg8bit.png"
MASK = "gtFine/val/ulm/ulm_0_gtFine_labelTrainIds.png"


@pytest.fixture
def root(tmp_path):
    for name in (IMAGE, MASK, "splits/val.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
    Image.new("RGB", (6, 5)).save(tmp_path / IMAGE)
    Image.fromarray(np.full((5, 6), 18, np.uint8)).save(tmp_path / MASK)
    (tmp_path / "splits/val.txt").write_text(f"{IMAGE} {MASK}")
    return tmp_path


def test_classes_and_sample(root):
    dataset = CityscapesDataset(data_root=root, ann_file="splits/val.txt")
    assert len(dataset.classes) == len(dataset.metainfo["palette"]) == 19
    assert dataset.classes[18] == "bicycle" and dataset.metainfo["palette"][10] == [70, 130, 180]
    assert dataset[0]["seg_map_path"] == str(root / MASK)


def test_masks_that_were_not_made_yet(root):
    (root / MASK).unlink()
    with pytest.raises(FileNotFoundError, match="Make these masks with .*csCreateTrainIdLabelImgs"):
        CityscapesDataset(data_root=root, ann_file="splits/val.txt")
    (root / IMAGE).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"leftImg8bit\.png does not exist.*data/README\.md"
    ):
        CityscapesDataset(data_root=root, ann_file="splits/val.txt")
