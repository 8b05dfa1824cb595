# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from rankseg.datasets import FolderDataset, SemiDataset, check_data, check_headers, check_masks
from rankseg.datasets.checks import spread


def train_of(root, **options) -> SemiDataset:
    return SemiDataset({"type": "FolderDataset", "data_root": str(root), **options}, split="few")


def test_a_good_set_is_described(make_set):
    root = make_set()
    val = FolderDataset(data_root=root, ann_file="splits/val.txt")
    notes = check_data(train_of(root), val)
    assert notes[0] == "split 'few': 2 labelled and 4 unlabelled images"
    assert notes[1].startswith("checked all 2 images and masks of list ")
    assert "labeled.txt: no pixel of car in the masks looked at" in notes[2]
    assert notes[3].startswith("checked all 4 image headers of list ")
    assert "val.txt" in notes[4]


def test_large_sets_are_looked_at_evenly(make_set):
    dataset = FolderDataset(data_root=make_set())
    assert check_masks(dataset, limit=3)[0].startswith("checked 3 evenly spaced of 8 images and ma")
    assert spread(10, 4) == [0, 3, 6, 9] and spread(3, 5) == [0, 1, 2]
    Image.new("L", (10, 8), 77).save(dataset[1]["seg_map_path"])
    check_masks(dataset, limit=2)  # the first and the last
    with pytest.raises(ValueError, match=r"masks/1\.png holds \[77\]"):
        check_masks(dataset)


def test_value_that_is_no_class(make_set):
    root = make_set(foreground=3)
    match = (
        r"masks/0\.png holds \[3\], which is no class and not 255 \(ignore\): the 3 classes known "
        r"are 0 to 2 \(sky, road, car\); correct the mask, add the class, or map the value"
    )
    with pytest.raises(ValueError, match=match):
        check_data(train_of(root))
    check_data(train_of(root, label_rule={3: 2}))


def test_ignored_pixels_are_fine(make_set):
    root = make_set()
    mask = np.array(Image.open(root / "masks/1.png"))
    mask[0] = 255
    Image.fromarray(mask).save(root / "masks/1.png")
    check_data(train_of(root))


@pytest.mark.parametrize("classes", [("no", "yes"), ("sky", "road", "car")])
def test_masks_of_0_and_255_are_explained(make_set, classes):
    root = make_set(foreground=255)
    match = r"labeled\.txt: all 2 masks hold the values 0 and 255 alone, .* with binary=True"
    with pytest.raises(ValueError, match=match):
        check_data(train_of(root, classes=classes))
    check_data(train_of(root, classes=("no", "yes"), binary=True))


def test_two_class_masks_of_another_value_are_explained(make_set):
    root = make_set(foreground=128)
    with pytest.raises(
        ValueError, match=r"holds \[128\].*a mask of 0 and one other value needs Fold"
    ):
        check_data(train_of(root, classes=("no", "yes")))
    with pytest.raises(
        ValueError, match=r"holds values \[0, 128\]: binary=True expects 0 for backg"
    ):
        check_data(train_of(root, classes=("no", "yes"), binary=True))


def test_image_and_mask_of_different_size(make_set):
    root = make_set()
    Image.new("L", (8, 10)).save(root / "masks/1.png")
    match = (
        r"mask .*1\.png is 8x10 pixels \(width x height\), its image .*1\.png is 10x8: they must"
    )
    with pytest.raises(ValueError, match=match):
        check_data(train_of(root))


@pytest.mark.parametrize("number", [1, 3])
def test_image_that_is_none(make_set, number):
    root = make_set()
    (root / f"images/{number}.png").write_text("not an image")
    with pytest.raises(
        ValueError, match=rf"image .*images/{number}\.png does not decode .*: save it"
    ):
        check_data(train_of(root))


def test_labelled_image_that_is_cut_off(make_set):
    root = make_set()
    noise = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / "images/1.png")
    path = root / "images/1.png"
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(ValueError, match=r"images/1\.png does not decode"):
        check_data(train_of(root))
    check_headers(train_of(root).labeled)


def test_bad_validation_mask(make_set):
    root = make_set()
    Image.new("L", (10, 8), 9).save(root / "masks/7.png")
    val = FolderDataset(data_root=root, ann_file="splits/val.txt")
    with pytest.raises(ValueError, match=r"masks/7\.png holds \[9\]"):
        check_data(train_of(root), val)
