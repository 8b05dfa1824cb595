# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import pytest

from rankseg.datasets import CityscapesDataset, FolderDataset, SegListDataset, VOCDataset
from rankseg.datasets.base import check_data_root, make_palette
from rankseg.datasets.file_checks import missing_files
from rankseg.utils.palette import distinct_colors

META = {"classes": ["sky", "road", "car"]}


def build(root, **options) -> SegListDataset:
    return SegListDataset(
        **{"data_root": root, "ann_file": "splits/val.txt", "metainfo": META} | options
    )


def test_samples_follow_the_list(make_set):
    root = make_set()
    dataset = build(root, pipeline=[lambda results: results | {"seen": True}], test_mode=True)
    assert len(dataset) == 2
    sample = dataset[1]
    assert sample["img_path"] == f"{root}/images/7.png"
    assert sample["seg_map_path"] == f"{root}/masks/7.png"
    assert sample["seen"] and sample["label_rule"] is None
    assert sample["classes"] == ("sky", "road", "car")
    assert len(build(root, indices=1)) == 1


def test_transforms_are_found_by_name(make_set):
    sample = build(make_set(), pipeline=[{"type": "LoadSample"}])[0]
    assert sample["img"].shape == (8, 10, 3) and sample["seg_map"].max() == 0
    rule = build(sample["img_path"].split("/images")[0], label_rule={0: 2})[0]
    assert rule["label_rule"] == {0: 2}


def test_masks_that_are_not_wanted_are_not_looked_for(make_set):
    root = make_set()
    (root / "masks/6.png").unlink()
    assert build(root, with_masks=False)[0]["seg_map_path"] is None
    with pytest.raises(
        FileNotFoundError, match=r"mask .*masks/6\.png does not exist \(1 of the 2 m"
    ):
        build(root)


def test_classes_and_palette(make_set):
    root = make_set()
    dataset = build(root)
    assert dataset.classes == ("sky", "road", "car")
    assert dataset.metainfo["palette"] == distinct_colors(3, background=False)
    with pytest.raises(
        ValueError, match=r"classes of SegListDataset to be names in id order, but got None"
    ):
        build(root, metainfo=None)


def test_palette_is_that_of_voc():
    palette = make_palette(256)
    assert palette[:3] == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert palette[20] == [0, 64, 128] and palette[255] == [224, 224, 192]
    assert len({tuple(color) for color in palette}) == 256


@pytest.mark.parametrize(("root", "match"), [
    (None, "data_root of SegListDataset .* but got none. Give the folder with --data-root"),
    ("data/none", r"data_root of SegListDataset .* 'data/none' does not exist. Give .*--data-root"),
])  # fmt: skip
def test_data_root_that_is_absent(root, match):
    with pytest.raises(FileNotFoundError, match=match):
        build(root)


@pytest.mark.parametrize(("kind", "root", "match"), [
    (VOCDataset, "data/none", "FOLDER`). data/README.md, section 'PASCAL VOC 2012', shows its"),
    (CityscapesDataset, "data/none", "data/README.md, section 'Cityscapes', shows its"),
    (FolderDataset, "data/none", "data/README.md, section 'Images of your own', shows its"),
    (FolderDataset, "data/demo/seed77", "' does not exist. Make the demo set with `make demo`"),
])  # fmt: skip
def test_data_root_that_is_absent_names_its_cure(kind, root, match):
    with pytest.raises(FileNotFoundError, match=re.escape(match)):
        kind(data_root=root)
    with pytest.raises(
        FileNotFoundError, match=r"tool .* does not exist\. .*data/README\.md shows"
    ):
        check_data_root("data/none", "tool")


@pytest.mark.parametrize(("path", "kind", "binary", "cure"), [
    ("splits/1_16/labeled.txt", FolderDataset, False,
     "Make it with `python tools/make_splits.py draw --data-root {root} --size 1/16 --name 1_16 "
     "--val 50`."),
    ("splits/20/unlabeled.txt", FolderDataset, True,
     "Make it with `python tools/make_splits.py draw --data-root {root} --size 20 --name 20 "
     "--val 50 --binary`."),
    ("splits/val.txt", FolderDataset, False,
     "Make it with `python tools/make_splits.py draw --data-root {root} --size 1/16 --val 50`."),
    ("splits/labeled_2.txt", FolderDataset, False,
     "Make it with `python tools/make_splits.py draw --data-root {root} --size 1/16 --val 50` and "
     "set split='1_16_seed0' in the config."),
    ("splits/92/labeled.txt", VOCDataset, False,
     "Make it with `python tools/make_splits.py import UniMatch/splits/pascal --data-root {root}`. "
     "data/README.md, section 'PASCAL VOC 2012', names the source of these lists."),
])  # fmt: skip
def test_missing_list_names_the_command(tmp_path, path, kind, binary, cure):
    assert kind.list_cure(tmp_path / path, tmp_path, binary) == cure.format(root=tmp_path)
    demo = Path("data/demo/seed0")
    with pytest.raises(FileNotFoundError, match=r"does not exist\. Make the demo set with `make d"):
        kind.read_samples(demo / path, demo, binary)


def test_list_is_drawn_beside_the_validation_list_that_is_there(make_set):
    root = make_set()
    assert "--val" not in FolderDataset.list_cure(root / "splits/few/labeled.txt", root)
    odd = root.rename(root.parent / "my set")
    match = r"draw --data-root '.*/my set' --size 1/8 --name 1_8`\.$"
    with pytest.raises(FileNotFoundError, match=match):
        build(odd, ann_file="splits/1_8/labeled.txt")


def test_list_that_is_absent(make_set):
    root = make_set()
    with pytest.raises(
        FileNotFoundError, match=r"splits/no\.txt does not exist\. .*make_splits\.py"
    ):
        build(root, ann_file="splits/no.txt")
    with pytest.raises(FileNotFoundError, match="ann_file of SegListDataset .* but got none"):
        build(root, ann_file="")


def test_image_that_is_absent(make_set):
    root = make_set()
    (root / "images/7.png").unlink()
    match = r"image .*images/7\.png does not exist \(1 of the 2 images of list .*val\.txt are miss"
    with pytest.raises(FileNotFoundError, match=match):
        build(root)


def test_line_without_mask(make_set):
    match = r"unlabeled\.txt to name a mask .* for images/2\.png \(4 of 4 images have none"
    with pytest.raises(ValueError, match=match):
        build(make_set(), ann_file="splits/few/unlabeled.txt")


def test_missing_files_lists_every_folder_once(tmp_path, monkeypatch):
    for name in ("x/1", "x/2", "y/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    calls = []
    scandir = __import__("os").scandir
    monkeypatch.setattr("os.scandir", lambda path: calls.append(path) or scandir(path))
    paths = [f"{tmp_path}/{name}" for name in ("x/1", "x/3", "y/1", "z/1", "x/2")]
    assert missing_files(paths) == [paths[1], paths[3]]
    assert len(calls) == 3


def test_samples_can_be_changed_without_harm(make_set):
    dataset = build(make_set())
    dataset.get_data_info(0)["img_path"] = "other"
    assert dataset.get_data_info(0)["img_path"].endswith("images/6.png")
