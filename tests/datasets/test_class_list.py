# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets import ClassListDataset

LINES = ["n01/n01_5.JPEG", "n02/n02_7.JPEG"]


@pytest.fixture
def root(tmp_path):
    for line in LINES:
        (tmp_path / "train" / line).parent.mkdir(parents=True)
        (tmp_path / "train" / line).write_text("")
    (tmp_path / "1percent.txt").write_text("".join(f"{line}\n" for line in LINES))
    return tmp_path


def test_lists_of_imagenet_as_they_are(root):
    dataset = ClassListDataset(data_root=root, ann_file="1percent.txt", prefix="train")
    assert dataset.classes == ("n01", "n02") and dataset.class_ids().tolist() == [0, 1]
    assert dataset[1]["img_path"] == f"{root}/train/n02/n02_7.JPEG"


def test_class_of_the_line_and_names_with_blanks(root):
    (root / "big cat").mkdir()
    (root / "big cat/a 1.jpg").write_text("")
    (root / "list.txt").write_text("big cat/a 1.jpg\tbig cat\ntrain/n01/n01_5.JPEG tabby\n")
    names = ("tabby", "big cat")
    dataset = ClassListDataset(data_root=root, ann_file="list.txt", classes=names)
    assert dataset.class_ids().tolist() == [1, 0]


def test_class_names_of_the_file_come_before_the_folders(root):
    (root / "classes.txt").write_text("n02\nn01\n")
    dataset = ClassListDataset(data_root=root, ann_file="1percent.txt", prefix="train")
    assert dataset.classes == ("n02", "n01") and dataset.class_ids().tolist() == [1, 0]


def test_mistakes(root):
    with pytest.raises(FileNotFoundError, match=r"ann_file of ClassListDataset to be.*'image c"):
        ClassListDataset(data_root=root, prefix="train")
    with pytest.raises(FileNotFoundError, match=r"folder .*/valid to hold one sub-f"):
        ClassListDataset(data_root=root, ann_file="1percent.txt", prefix="valid")
    match = r"image .*/n01/n01_5\.JPEG does not exist \(2 of the 2 images of list"
    with pytest.raises(FileNotFoundError, match=match):
        ClassListDataset(data_root=root, ann_file="1percent.txt", classes=("n01", "n02"))
    command = (
        r"make_splits\.py labels --data-root \S+ --dataset list --size 40 --seed 1 "
        r"--val-share 0 --list LIST`"
    )
    with pytest.raises(FileNotFoundError, match=command):
        ClassListDataset(root, "splits/40_seed1/labeled.txt", prefix="train")
