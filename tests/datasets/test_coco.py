# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from rankseg.datasets import COCODataset
from rankseg.datasets.base import recognize_list

IMAGE, MASK = "train2017/000000000009.jpg", "masks/000000000009.png"


@pytest.fixture
def root(tmp_path):
    for name in (IMAGE, MASK, "splits/val.txt"):
        (tmp_path / name).parent.mkdir()
    Image.new("RGB", (3, 1)).save(tmp_path / IMAGE)
    Image.fromarray(np.array([[0, 80, 255]], np.uint8)).save(tmp_path / MASK)
    (tmp_path / "splits/val.txt").write_text(f"{IMAGE} {MASK}")
    return tmp_path


def test_classes_and_sample(root):
    dataset = COCODataset(data_root=root, ann_file="splits/val.txt")
    assert len(dataset.classes) == len(dataset.metainfo["palette"]) == 81
    assert (dataset.classes[0], dataset.classes[1]) == ("background", "person")
    assert dataset.classes[80] == "toothbrush"
    assert dataset.check_samples()[0].startswith("checked all 1")
    assert recognize_list([(IMAGE, MASK)]) is COCODataset


def test_masks_that_are_not_part_of_the_archive(root):
    (root / MASK).unlink()
    with pytest.raises(FileNotFoundError, match=r"000009\.png.*README of UniMatch.*/masks"):
        COCODataset(data_root=root, ann_file="splits/val.txt")
    (root / IMAGE).unlink()
    with pytest.raises(FileNotFoundError, match=r"000009\.jpg.*data/README\.md"):
        COCODataset(data_root=root, ann_file="splits/val.txt")


@pytest.mark.parametrize(
    ("name", "size"),
    [("1_512", 232), ("1_256", 463), ("1_128", 925), ("1_64", 1849), ("1_32", 3697)],
)
def test_published_sizes(name, size):
    COCODataset.SPLITS.check(name, size, 118287 - size)
    with pytest.raises(ValueError, match=f"{size} labeled and {118287 - size} unlabeled"):
        COCODataset.SPLITS.check(name, size, 118287)
