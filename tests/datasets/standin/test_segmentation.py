# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from rankseg.datasets.standin import make_standin
from rankseg.datasets.standin.masks import COUNTS


def config(kind: str, num_classes: int, **semi) -> Config:
    loader = {"dataset": {"type": kind, "data_root": "absent", "ann_file": "splits/val.txt"}}
    return Config(
        {
            "model": {"student": {"decode_head": {"num_classes": num_classes}}},
            "train_dataloader": {
                "dataset": {"dataset": {"type": kind, "data_root": "absent"}, **semi}
            },
            "val_dataloader": loader,
            "test_dataloader": loader,
        }
    )


def pairs(root: Path, name: str) -> list[list[str]]:
    return [line.split() for line in (root / name).read_text().splitlines()]


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("VOCDataset", "JPEGImages/labeled_0.jpg"),
        ("CityscapesDataset", "leftImg8bit/labeled/town/town_000000_000019_leftImg8bit.png"),
        ("FolderDataset", "images/labeled/0.png"),
    ],
)
def test_images_and_masks_in_the_layout_of_the_data_set(kind, first):
    cfg = config(kind, 3, split="1_16", split_root="elsewhere")
    root = make_standin(cfg)
    labeled = pairs(root, "splits/1_16/labeled.txt")
    assert labeled[0][0] == first
    assert len(labeled) == COUNTS["labeled"]
    for image, mask in labeled + pairs(root, "splits/val.txt"):
        label = cv2.imread(str(root / mask), cv2.IMREAD_UNCHANGED)
        assert cv2.imread(str(root / image)).shape == (*label.shape, 3)
        assert set(np.unique(label)) <= {0, 1, 2, 255}
    assert len(np.unique(label)) > 2
    assert [len(line) for line in pairs(root, "splits/1_16/unlabeled.txt")] == [1] * 6
    semi = cfg.train_dataloader.dataset
    assert (semi.split, semi.check_counts, "split_root" in semi) == ("1_16", False, False)
    for node in (semi, cfg.val_dataloader, cfg.test_dataloader):
        assert node.dataset.data_root == str(root)
    assert (root / "classes.txt").read_text().splitlines() == ["class 0", "class 1", "class 2"]


def test_lists_that_a_config_names_itself():
    semi = {"labeled": "splits/labeled_2.txt", "unlabeled": "splits/unlabeled.txt"}
    root = make_standin(config("FolderDataset", 2, **semi))
    assert len(pairs(root, "splits/labeled_2.txt")) == 4
    assert len(pairs(root, "splits/unlabeled.txt")) == 6


def test_pixels_are_written_once_for_a_type_and_number_of_classes():
    roots = [make_standin(config("FolderDataset", n, split="a")) for n in (4, 4, 5)]
    assert roots[0] == roots[1] != roots[2]
