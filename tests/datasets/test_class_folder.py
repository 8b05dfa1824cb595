# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from rankseg.datasets import ClassFolderDataset


def test_a_folder_as_a_whole(make_classes):
    root = make_classes({"train": 3, "test": 1})
    (root / "train/.cache").mkdir()
    (root / "train/cat/indoors").mkdir()
    (root / "train/cat/0.png").rename(root / "train/cat/indoors/0.PNG")
    (root / "train/cat/notes.md").write_text("")
    train, test = (ClassFolderDataset(data_root=root, folder=f) for f in ("train", "test"))
    assert train.classes == test.classes == ("big fish", "cat", "dog")
    assert train.class_ids().tolist() == [0] * 3 + [1] * 3 + [2] * 3 and len(test) == 3
    assert train[5]["img_path"] == f"{root}/train/cat/indoors/0.PNG"


def test_lists_name_files_from_the_data_root(make_classes):
    root = make_classes({"train": 2})
    (root / "list.txt").write_text("train/dog/1.png dog\ntrain/cat/0.png\ntrain/big fish/0.png\n")
    dataset = ClassFolderDataset(data_root=root, ann_file="list.txt")
    assert dataset.class_ids().tolist() == [2, 1, 0]


def test_images_of_no_class_among_the_unlabeled(make_classes):
    root = make_classes({"train": 1})
    (root / "more").mkdir()
    (root / "train/dog/0.png").rename(root / "more/0.png")
    (root / "list.txt").write_text("more/0.png\ntrain/cat/0.png\n")
    dataset = ClassFolderDataset(data_root=root, ann_file="list.txt", with_labels=False)
    assert dataset.class_ids().tolist() == [-1, 1]
    with pytest.raises(ValueError, match=r"but got no class for image more/0\.png"):
        ClassFolderDataset(data_root=root, ann_file="list.txt")


def test_mistakes(make_classes):
    root = make_classes({"train": 1})
    (root / "empty/a").mkdir(parents=True)
    for folder, match in {
        "val": "folder .*/val to hold one sub-folder of images for every class",
        "train/cat": r"folder .*/train/cat to have one sub-folder for every class",
        "empty": r"folder .*/empty to have images in its sub-folders a, .* suffixes are \.png",
    }.items():
        with pytest.raises(FileNotFoundError, match=match):
            ClassFolderDataset(data_root=root, folder=folder)


def test_real_set(shared):
    dataset = ClassFolderDataset(data_root=shared / "data/cifar10_mini", folder="test")
    assert (
        len(dataset) == 1000
        and dataset.classes[3] == "cat" == dataset[300]["img_path"].split("/")[-2]
    )


def test_some_classes_of_a_larger_set_by_links_and_a_list(make_classes, tmp_path):
    large = make_classes({"train": 2, "val": 1})
    small = tmp_path / "small"
    small.mkdir()
    for folder in ("train", "val"):
        (small / folder).symlink_to(Path("..", large.name, folder))
    (small / "classes.txt").write_text("dog\ncat\n")
    for folder, count in (("train", 2), ("val", 1)):
        dataset = ClassFolderDataset(small, folder=folder)
        assert dataset.classes == ("dog", "cat")
        assert dataset.class_ids().tolist() == [0] * count + [1] * count
    lines = [f"train/{name}/{i}.png\n" for name in ("cat", "dog") for i in range(2)]
    (small / "list.txt").write_text("".join(lines))
    assert ClassFolderDataset(small, "list.txt").class_ids().tolist() == [1, 1, 0, 0]
