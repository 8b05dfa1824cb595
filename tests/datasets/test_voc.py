# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from rankseg.datasets import VOCDataset
from rankseg.imageio.masks import read_mask


def write(root, folder, ids):
    for name in ("JPEGImages", folder, "splits"):
        (root / name).mkdir(exist_ok=True)
    for i in ids:
        Image.new("RGB", (6, 5)).save(root / f"JPEGImages/{i}.jpg")
        Image.fromarray(np.full((5, 6), 20, np.uint8)).save(root / folder / f"{i}.png")
    lines = [f"JPEGImages/{i}.jpg SegmentationClass/{i}.png" for i in ids]
    (root / "splits/val.txt").write_text("\n".join(lines))


def test_classes_and_colors(tmp_path):
    write(tmp_path, "SegmentationClass", ["a", "b"])
    dataset = VOCDataset(data_root=tmp_path, ann_file="splits/val.txt")
    assert len(dataset) == 2 and len(dataset.classes) == len(dataset.metainfo["palette"]) == 21
    assert dataset.classes[15] == "person"
    assert dataset.metainfo["palette"][15] == [192, 128, 128]


def test_masks_in_the_other_folder_are_pointed_at(tmp_path):
    write(tmp_path, "SegmentationClassAug", ["a"])
    match = (
        r"SegmentationClass/a\.png does not exist.*Folder SegmentationClassAug has it. Import .*"
    )
    with pytest.raises(FileNotFoundError, match=match + "--mask-folder SegmentationClassAug"):
        VOCDataset(data_root=tmp_path, ann_file="splits/val.txt")


def test_real_photos(shared, tmp_path):
    root = shared / "data/voc_mini/VOCdevkit/VOC2012"
    ids = (root / "ImageSets/Segmentation/trainval.txt").read_text().split()
    path = tmp_path / "list.txt"
    path.write_text("\n".join(f"JPEGImages/{i}.jpg SegmentationClass/{i}.png" for i in ids))
    dataset = VOCDataset(data_root=root, ann_file=str(path), pipeline=[{"type": "LoadSample"}])
    for sample in dataset:
        assert sample["img"].shape[:2] == sample["seg_map"].shape
        assert np.array_equal(sample["seg_map"], read_mask(sample["seg_map_path"]))
