# SPDX-License-Identifier: Apache-2.0
import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from rankseg.datasets.checks import check_masks
from rankseg.datasets.segmentation import FolderDataset
from rankseg.datasets.splits.splits import read_list
from rankseg.demo import scenes as demo
from rankseg.demo.scene import CLASSES, PALETTE
from rankseg.demo.scenes import make_demo_set

COUNTS = dict(labeled=3, unlabeled=4, val=2)


def digest(root):
    return {
        path.relative_to(root).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_demo_set(tmp_path_factory.mktemp("made") / "set", seed=3, **COUNTS)


def test_files_are_those_of_the_lists_and_unlabeled_images_have_no_mask(root):
    labeled = read_list(root / "splits/few/labeled.txt")
    unlabeled = read_list(root / "splits/few/unlabeled.txt")
    val = read_list(root / "splits/val.txt")
    assert [len(part) for part in (labeled, unlabeled, val)] == [3, 4, 2]
    assert all(mask is None for _, mask in unlabeled)
    images = {image for image, _ in labeled + unlabeled + val}
    masks = {mask for _, mask in labeled + val}
    assert {f"JPEGImages/{p.name}" for p in (root / "JPEGImages").iterdir()} == images
    assert {f"SegmentationClass/{p.name}" for p in (root / "SegmentationClass").iterdir()} == masks
    assert len(images) == 9


def test_the_set_passes_the_checks_of_training(root):
    dataset = FolderDataset(data_root=str(root), ann_file="splits/val.txt", pipeline=[])
    assert dataset.metainfo["classes"] == CLASSES
    assert check_masks(dataset) is not False
    with Image.open(root / "SegmentationClass/val_0000.png") as mask:
        assert mask.mode == "P"
        assert tuple(mask.getpalette()[3:6]) == PALETTE[1]


def test_the_same_seed_gives_the_same_files_and_another_gives_others(root, tmp_path):
    again = make_demo_set(tmp_path / "again", seed=3, **COUNTS)
    assert digest(again) == digest(root)
    other = make_demo_set(tmp_path / "other", seed=4, **COUNTS)
    name = "JPEGImages/val_0000.jpg"
    assert digest(other)[name] != digest(root)[name]
    assert len({digest(root)[f"JPEGImages/{part}_0000.jpg"] for part in COUNTS}) == 3


@pytest.mark.parametrize("seed", range(3))
def test_six_labeled_images_show_every_class_twice(seed, tmp_path):
    root = make_demo_set(tmp_path / "set", seed=seed, labeled=6, unlabeled=1, val=1)
    lines = read_list(root / "splits/few/labeled.txt")
    masks = [np.array(Image.open(root / mask)).ravel() for _, mask in lines]
    pixels = np.stack([np.bincount(mask, minlength=7) for mask in masks])
    assert (pixels >= 500).sum(axis=0).min() >= 2


def test_an_existing_set_is_kept_and_an_older_one_replaced(tmp_path):
    root = make_demo_set(tmp_path / "set", seed=0, **COUNTS)
    (root / "mark").touch()
    make_demo_set(root, seed=0, **COUNTS)
    assert (root / "mark").exists()
    make_demo_set(root, seed=1, **COUNTS)
    assert not (root / "mark").exists()
    assert json.loads((root / "demo.json").read_text())["seed"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_with_a_damaged_note_is_left_alone(tmp_path):
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(ValueError, match=r"demo\.json to be the note .* name a new folder"):
        make_demo_set(tmp_path, **COUNTS)
    assert (tmp_path / "demo.json").read_text() == "{"


def test_a_folder_of_the_user_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match="to be a new folder or a demo set"):
        make_demo_set(tmp_path, **COUNTS)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_left_of_a_set_that_could_not_be_finished(tmp_path, monkeypatch):
    def fail(path, label):
        raise OSError("disk is full")

    monkeypatch.setattr(demo, "_save_mask", fail)
    with pytest.raises(OSError, match="disk is full"):
        make_demo_set(tmp_path / "set", **COUNTS)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_part_is_refused(tmp_path):
    with pytest.raises(ValueError, match="val of the demo set to be 1 or more, but got 0"):
        make_demo_set(tmp_path / "set", val=0)
