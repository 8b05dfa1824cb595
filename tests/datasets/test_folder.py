# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets import FolderDataset, read_classes


def test_names_come_from_the_config_or_the_root(make_set):
    root = make_set()
    assert FolderDataset(data_root=root).classes == ("sky", "road", "car")
    assert FolderDataset(data_root=root, classes=["a", "b", "c"]).classes == ("a", "b", "c")
    meta = {"classes": ("x", "y"), "palette": [[1, 2, 3], [4, 5, 6]]}
    dataset = FolderDataset(data_root=root, metainfo=meta)
    assert dataset.classes == ("x", "y") and dataset.metainfo["palette"] == [[1, 2, 3], [4, 5, 6]]


def test_list_or_folders(make_set):
    root = make_set()
    assert len(FolderDataset(data_root=root, ann_file="splits/val.txt")) == 2
    dataset = FolderDataset(data_root=root)
    assert len(dataset) == 8 and dataset[3]["seg_map_path"].endswith("masks/3.png")
    with pytest.raises(FileNotFoundError, match="folder .*set/photos, but it does not exist"):
        FolderDataset(data_root=root, images="photos")
    (root / "masks/3.png").unlink()
    with pytest.raises(ValueError, match=r"set/images to name .* none for images/3\.png \(1 of 8"):
        FolderDataset(data_root=root)


@pytest.mark.parametrize("foreground", [1, 255])
def test_binary(make_set, foreground):
    root = make_set(foreground=foreground)
    (root / "classes.txt").unlink()
    dataset = FolderDataset(data_root=root, binary=True, pipeline=[{"type": "LoadSample"}])
    assert dataset.classes == ("background", "foreground")
    seg_map = dataset[0]["seg_map"]
    assert seg_map.max() == 1 and seg_map.sum() == 12


def test_binary_needs_two_classes_and_no_other_rule(make_set):
    root = make_set()
    with pytest.raises(ValueError, match=r"binary=True to come with two classes, but got 3"):
        FolderDataset(data_root=root, binary=True)
    with pytest.raises(ValueError, match="binary=True or a label_rule, but got both"):
        FolderDataset(data_root=root, binary=True, classes=["a", "b"], label_rule={2: 1})


def test_class_names_that_are_missing_or_wrong(make_set):
    root = make_set()
    path = root / "classes.txt"
    path.write_text("\ufeffsky\r\n\r\n road \r\n", encoding="utf-8")
    assert read_classes(path) == ("sky", "road")
    path.write_text("sky\nsky\n")
    with pytest.raises(ValueError, match=r"classes\.txt: expected different.*got .sky. twice"):
        FolderDataset(data_root=root)
    path.write_text("z\u00e9ro\nze\u0301ro\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"classes\.txt: expected different.* twice"):
        FolderDataset(data_root=root)
    for char in "\u2028\u2029\x85\x0b\x1c":  # a name is not two
        path.write_text(f"sky\nbig{char}car\n", encoding="utf-8")
        with pytest.raises(ValueError, match=f"one line.*U\\+{ord(char):04X}"):
            read_classes(path)
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"classes\.txt, but it does not exist\. Write one name per l"
    ):
        FolderDataset(data_root=root)
