# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.datasets import ADE20KDataset
from rankseg.datasets.base import recognize_list
from rankseg.imageio.masks import read_mask

MASK = "annotations/training/ADE_train_0000000{}.png"
IMAGE = "images/training/ADE_train_0000000{}.jpg"


@pytest.fixture
def root(tmp_path) -> Path:
    for name in (MASK, IMAGE, "splits/all.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
    return tmp_path


def fill(root: Path, *values: list[int]) -> ADE20KDataset:
    """Write one image and mask per list of mask values, and open them."""
    for i, row in enumerate(values):
        Image.new("RGB", (len(row), 1)).save(root / IMAGE.format(i))
        Image.fromarray(np.array([row], np.uint8)).save(root / MASK.format(i))
    lines = [f"{IMAGE.format(i)} {MASK.format(i)}\n" for i in range(len(values))]
    (root / "splits/all.txt").write_text("".join(lines))
    return ADE20KDataset(data_root=root, ann_file="splits/all.txt")


def masks_of(dataset: ADE20KDataset) -> list[list[int]]:
    samples = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [read_mask(s["seg_map_path"], s["label_rule"])[0].tolist() for s in samples]


def test_original_masks_are_shifted(root, monkeypatch):
    said = []
    monkeypatch.setattr("rankseg.datasets.ade20k.print_log", lambda text, *a: said.append(text))
    dataset = fill(root, [0, 1, 2], [150, 7, 0])
    assert masks_of(dataset) == [[255, 0, 1], [149, 6, 255]]
    assert "original coding" in said[0]
    assert dataset.check_samples()[0].startswith("checked all 2")


def test_shifted_masks_are_kept(root, monkeypatch):
    said = []
    monkeypatch.setattr("rankseg.datasets.ade20k.print_log", lambda text, *a: said.append(text))
    assert masks_of(fill(root, [0, 1, 149], [255, 7, 0])) == [[0, 1, 149], [255, 7, 0]]
    assert "shifted coding" in said[0]


def test_masks_without_either_value_are_original(root):
    assert masks_of(fill(root, [0, 1, 149])) == [[255, 0, 148]]


def test_coding_can_be_given(root):
    fill(root, [0, 1, 149])
    options = dict(data_root=root, ann_file="splits/all.txt")
    assert masks_of(ADE20KDataset(masks="shifted", **options)) == [[0, 1, 149]]
    with pytest.raises(ValueError, match="'auto', 'original' or 'shifted', but got 'other'"):
        ADE20KDataset(masks="other", **options)


def test_raises_on_a_mix_of_both_codings(root):
    with pytest.raises(ValueError, match="00.png has 150 .*01.png has 255.*masks of one source"):
        fill(root, [0, 150], [0, 255])


def test_unlabeled_images_need_no_masks(root):
    fill(root, [0, 1])
    (root / MASK.format(0)).unlink()
    dataset = ADE20KDataset(data_root=root, ann_file="splits/all.txt", with_masks=False)
    assert dataset.get_data_info(0)["seg_map_path"] is None


def test_classes_and_lists():
    assert len(ADE20KDataset.METAINFO["classes"]) == len(ADE20KDataset.METAINFO["palette"]) == 150
    names = ADE20KDataset.METAINFO["classes"]
    assert (names[0], names[12], names[149]) == ("wall", "person", "flag")
    assert recognize_list([(IMAGE.format(1), None)]) is ADE20KDataset
    assert recognize_list([("images/training/mine.jpg", None)]) is None
    ADE20KDataset.SPLITS.check("1_64", 316, 20210 - 316)
    with pytest.raises(ValueError, match="1_8.*2526 labeled and 17684"):
        ADE20KDataset.SPLITS.check("1_8", 2526, 20210)
