# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from rankseg.datasets.checks import check_data
from rankseg.datasets.standin import make_standin
from rankseg.datasets.standin.classes import UNLABELED
from rankseg.datasets.standin.masks import fill_missing
from rankseg.registry import DATASETS

PIPELINE = [{"type": "LoadImage"}, {"type": "ResizeCenter", "size": 16}, {"type": "PackEval"}]


def config(num_classes: int, train: dict, val: dict, **semi) -> Config:
    semi = semi or {"split": "few"}
    val = {"pipeline": PIPELINE, "test_mode": True, **val}
    return Config(
        {
            "model": {"student": {"decode_head": {"num_classes": num_classes}}},
            "train_dataloader": {
                "dataset": {"type": "SemiDataset", "dataset": {**train, "data_root": "no"}, **semi}
            },
            "val_dataloader": {"dataset": {**val, "data_root": "no"}},
            "test_dataloader": {"dataset": {**val, "data_root": "no"}},
        }
    )


def data_sets(cfg: Config) -> tuple:
    with DefaultScope.overwrite_default_scope("rankseg"):
        return tuple(DATASETS.build(cfg[f"{part}_dataloader"].dataset) for part in ("train", "val"))


CASES = [
    (10, {"type": "CIFAR10Dataset"}, {"type": "CIFAR10Dataset", "part": "test"}, 10),
    (10, {"type": "CIFAR10Dataset"},
     {"type": "CIFAR10Dataset", "ann_file": "splits/few/val.txt"}, 2),
    (100, {"type": "CIFAR100Dataset"}, {"type": "CIFAR100Dataset", "part": "test"}, 100),
    (10, {"type": "SVHNDataset"}, {"type": "SVHNDataset", "part": "test"}, 10),
    (3, {"type": "ClassFolderDataset"}, {"type": "ClassFolderDataset", "folder": "test"}, 11),
    (12, {"type": "ClassListDataset", "prefix": "images"},
     {"type": "ClassListDataset", "prefix": "images", "ann_file": "splits/val.txt"}, 2),
]  # fmt: skip


@pytest.mark.parametrize(("num_classes", "train", "val", "held_out"), CASES)
def test_a_data_set_in_the_layout_of_the_config(num_classes, train, val, held_out):
    cfg = config(num_classes, train, val)
    root = make_standin(cfg)
    labeled, test = data_sets(cfg)
    assert (labeled.num_labeled, labeled.num_unlabeled) == (num_classes, UNLABELED)
    assert len(test) == held_out and len(test.classes) == num_classes
    assert labeled.labeled.class_ids().tolist() == list(range(num_classes))
    check_data(labeled, test)
    for node in (cfg.val_dataloader.dataset, cfg.test_dataloader.dataset):
        assert node.data_root == str(root)


@pytest.mark.parametrize(
    ("kind", "coarse", "groups"),
    [
        ("CIFAR100Dataset", True, 20),
        ("ClassFolderDataset", "groups.txt", 5),
        ("ClassFolderDataset", {"cat": "pet", "cow": "beast", "dog": "pet"}, 2),
    ],
)
def test_coarse_classes(kind, coarse, groups):
    where = {"folder": "test"} if kind == "ClassFolderDataset" else {"part": "test"}
    train = {"type": kind, "coarse": coarse}
    cfg = config(groups, train, train | where)
    make_standin(cfg)
    labeled, test = data_sets(cfg)
    assert len(labeled.labeled.classes) == len(test.classes) == groups
    check_data(labeled, test)


def test_lists_that_a_config_names_itself():
    semi = {"labeled": "splits/a.txt", "unlabeled": "splits/b.txt", "split_root": "elsewhere"}
    train = {"type": "ClassFolderDataset", "folder": "photos", "classes": ("yes", "no")}
    cfg = config(2, train, {**train, "ann_file": "splits/c.txt"}, **semi)
    make_standin(cfg)
    assert "split_root" not in cfg.train_dataloader.dataset
    labeled, val = data_sets(cfg)
    assert labeled.metainfo["classes"] == val.classes == ("yes", "no")
    assert labeled.labeled[1]["img_path"].endswith("photos/no/labeled_1.jpg")


def test_classes_have_different_colors():
    cfg = config(10, *CASES[0][1:3])
    make_standin(cfg)
    images = [sample["img"].mean((0, 1)) for sample in data_sets(cfg)[0].labeled]
    gaps = [np.abs(images[i] - images[j]).max() for i in range(10) for j in range(i)]
    assert min(gaps) > 10


def test_files_are_written_once_for_a_layout():
    roots = [make_standin(config(n, *CASES[4][1:3])) for n in (4, 4, 5)]
    assert roots[0] == roots[1] != roots[2]


def test_single_files_are_not_filled_in():
    with pytest.raises(ValueError, match="images and masks, but got CIFAR10Dataset, .* --tiny"):
        fill_missing(config(10, *CASES[0][1:3]))
