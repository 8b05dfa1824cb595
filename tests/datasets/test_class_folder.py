# SPDX-License-Identifier: Apache-2.0
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


def test_images_of_no_class_among_the_unlabelled(make_classes):
    root = make_classes({"train": 1})
    (root / "more").mkdir()
    (root / "train/dog/0.png").rename(root / "more/0.png")
    (root / "list.txt").write_text("more/0.png\ntrain/cat/0.png\n")
    dataset = ClassFolderDataset(data_root=root, ann_file="list.txt", with_labels=False)
    assert dataset.class_ids().tolist() == [-1, 1]
    with pytest.raises(ValueError, match=r"list\.txt: image more/0\.png has no class: expected"):
        ClassFolderDataset(data_root=root, ann_file="list.txt")


def test_mistakes(make_classes):
    root = make_classes({"train": 1})
    (root / "empty/a").mkdir(parents=True)
    for folder, match in {
        "val": "folder .*/val does not exist: expected one sub-folder of images for every class",
        "train/cat": r"folder .*/train/cat has no sub-folders: expected one for every class",
        "empty": r"folder .*/empty holds no image of a class: expected files that end in \.png",
    }.items():
        with pytest.raises(FileNotFoundError, match=match):
            ClassFolderDataset(data_root=root, folder=folder)


def test_real_set(shared):
    dataset = ClassFolderDataset(data_root=shared / "data/cifar10_mini", folder="test")
    assert (
        len(dataset) == 1000
        and dataset.classes[3] == "cat" == dataset[300]["img_path"].split("/")[-2]
    )
