# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets.splits import split_files
from rankseg.datasets.splits.splits import read_list

A, B = ("a.png", "ma.png"), ("b.png", None)


def test_folders_are_paired_by_name(tmp_path):
    for name in ("images/x/1.jpg", "images/x/2.JPG", "images/note.txt", "masks/x/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    expected = [("images/x/1.jpg", "masks/x/1.png"), ("images/x/2.JPG", None)]
    assert split_files.pair_folders(tmp_path, "images", "masks") == expected
    assert split_files.pair_folders(tmp_path, "images", None)[0] == ("images/x/1.jpg", None)
    (tmp_path / "images/x/1.png").write_text("")
    with pytest.raises(ValueError, match=r"1\.jpg and .*1\.png differ only in their suffix"):
        split_files.pair_folders(tmp_path, "images", "masks")


def test_folders_that_are_missing_or_bare(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder .*images, but it does not exist"):
        split_files.pair_folders(tmp_path, "images", "masks")
    (tmp_path / "images").mkdir()
    with pytest.raises(FileNotFoundError, match=r"folder .*images to hold images, but got none"):
        split_files.pair_folders(tmp_path, "images", None)


def test_lists_are_written_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "splits"
    lists = {"val.txt": [B], "s/labeled.txt": [A], "s/unlabeled.txt": [B]}
    written = split_files.write_lists(folder, lists)
    assert [read_list(path) for path in written] == [[B], [A], [B]]
    with pytest.raises(ValueError, match=r"s/labeled\.txt already exists\. Choose .*--force"):
        split_files.write_lists(folder, {"t.txt": [A], "s/labeled.txt": [B]})
    assert not (folder / "t.txt").exists() and read_list(folder / "s/labeled.txt") == [A]
    split_files.write_lists(folder, {"s/labeled.txt": [B]}, force=True)
    assert read_list(folder / "s/labeled.txt") == [B]
    assert read_list(folder / "s/unlabeled.txt") == [B]
    assert sorted(path.name for path in folder.iterdir()) == ["s", "val.txt"]


def test_a_failure_half_way_leaves_nothing(tmp_path):
    lists = {"s/labeled.txt": [A], "s/x.txt": [("two\nlines.png", None)]}
    with pytest.raises(ValueError, match=r"but got 'two\\nlines\.png', which a list cannot"):
        split_files.write_lists(tmp_path / "splits", lists)
    assert list((tmp_path / "splits").iterdir()) == []


def test_collecting_lists(make_set):
    root = make_set()
    (root / "splits/README.txt").write_text("these are my lists, as you see\n")
    lists = split_files.collect_lists(root / "splits")
    assert list(lists) == ["val.txt", "few/labeled.txt", "few/unlabeled.txt"]
    moved = split_files.collect_lists(root / "splits", mask_folder="Aug/")
    assert moved["few/labeled.txt"][1] == ("images/1.png", "Aug/1.png")
    assert moved["few/unlabeled.txt"][0] == ("images/2.png", None)
    alone = split_files.collect_lists(root / "splits/few")
    assert list(alone) == ["few/labeled.txt", "few/unlabeled.txt"]


def test_collected_lists_are_checked(make_set, tmp_path):
    with pytest.raises(FileNotFoundError, match="to hold NAME/labeled.txt and .* but got no split"):
        split_files.collect_lists(tmp_path)
    root = make_set()
    with pytest.raises(ValueError, match=r"image images/0\.png is also in the validation list"):
        split_files.collect_lists(root / "splits/few", val=[("images/0.png", None)])
    labeled = root / "splits/few/labeled.txt"
    labeled.write_text("images/6.png masks/6.png")
    with pytest.raises(ValueError, match=r"image images/6\.png is also in the validation list val"):
        split_files.collect_lists(root / "splits")
    (root / "splits/few/unlabeled.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"few/unlabeled\.txt does not exist"):
        split_files.collect_lists(root / "splits")


def test_usual_lists(shared):
    pascal = split_files.collect_lists(shared / "data/unimatch_splits/pascal")
    assert len(pascal["92/labeled.txt"]) == 92 and len(pascal["val.txt"]) == 1449
    city = split_files.collect_lists(shared / "data/unimatch_splits/cityscapes")
    assert len(city["1_16/labeled.txt"]) == 186


@pytest.mark.parametrize("name", ["train/n01/n01_7.JPEG", "n01/n01_7.JPEG", "n01_7.JPEG"])
def test_images_of_a_published_list_are_found(tmp_path, name):
    entries = [("train/n02/n02_7.JPEG", None), ("train/n01/n01_7.JPEG", None)]
    (tmp_path / "list.txt").write_text(f"{name}\n")
    assert split_files.find_images(tmp_path / "list.txt", entries, "train") == [1]


def test_images_of_a_published_list_that_are_not_there(tmp_path):
    entries = [("train/a/1.jpg", None), ("train/b/1.jpg", None)]
    for name in ("train/a/2.jpg", "1.jpg"):
        (tmp_path / "list.txt").write_text(f"{name}\n")
        match = rf"list\.txt to name .* got {name}, which is none of the 2 .*such as train/a/1\.jpg"
        with pytest.raises(ValueError, match=match):
            split_files.find_images(tmp_path / "list.txt", entries, "train")


@pytest.mark.parametrize("name", ["../few", "a/b", "/tmp/few"])
def test_names_that_lead_elsewhere(tmp_path, name):
    with pytest.raises(ValueError, match="name of a split to be a single folder name"):
        split_files.write_lists(tmp_path / "splits", {f"{name}/labeled.txt": [("a.png", None)]})
    assert not list(tmp_path.iterdir())
