# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from rankseg.datasets import check_data
from rankseg.datasets.base import recognize
from rankseg.datasets.standin import make_standin
from rankseg.datasets.standin.classes import TEST, TRAIN
from rankseg.registry import DATASETS

FOLDER = Path(__file__).parents[3] / "configs/_base_/datasets"
NAMES = ["cub", "cars", "sop", "inshop", "omniglot_mini", "cifar10_mini_retrieval"]
KINDS = {"cars": "CarsDataset", "sop": "SOPDataset", "inshop": "InShopDataset"}
SIDE = {"omniglot_mini": 56, "cifar10_mini_retrieval": 32}


def load(name: str, with_labels: bool = False) -> Config:
    """Return the base config of a set; some differ from that of CUB in the type only."""
    cfg = Config.fromfile(FOLDER / f"{'cub' if name in KINDS else name}.py")
    for loader in (cfg.train_dataloader.dataset, cfg.val_dataloader):
        loader.dataset.type = KINDS.get(name, loader.dataset.type)
    if with_labels:
        cfg.train_dataloader.dataset.update(empty="unlabeled", labeled="", unlabeled=None)
    cfg.model = {"student": {"decode_head": {"type": "EmbeddingHead", "channels": 8}}}
    return cfg


def data_sets(cfg: Config) -> tuple:
    with DefaultScope.overwrite_default_scope("rankseg"):
        return tuple(DATASETS.build(cfg[f"{part}_dataloader"].dataset) for part in ("train", "val"))


@pytest.mark.parametrize("name", NAMES)
def test_every_set_builds_without_and_with_labels(name):
    for labels in (False, True):
        cfg = load(name, labels)
        make_standin(cfg)
        train, val = data_sets(cfg)
        number = TRAIN[0] * TRAIN[1]
        assert (train.num_labeled, train.num_unlabeled) == ((number, 0) if labels else (0, number))
        half = train.labeled if labels else train.unlabeled
        assert np.bincount(half.class_ids()).tolist() == [TRAIN[1]] * TRAIN[0]
        assert sorted(np.bincount(val.class_ids()))[-TEST[0] :] == [TEST[1]] * TEST[0]
        if name != "cifar10_mini_retrieval":
            assert not {*half.classes} & {*val.classes}
        view, side = "labeled" if labels else "weak", SIDE.get(name, 227)
        if name != "cifar10_mini_retrieval":  # whose views have the size of the image
            assert train[0]["inputs"][view].shape == val[0]["inputs"].shape == (3, side, side)


@pytest.mark.parametrize("name", NAMES[:4])
def test_the_layout_is_the_published_one(name):
    cfg = load(name)
    assert recognize(make_standin(cfg)).__name__ == cfg.val_dataloader.dataset.type
    check_data(*data_sets(cfg))


def test_queries_and_gallery():
    cfg = load("inshop")
    make_standin(cfg)
    _, val = data_sets(cfg)
    assert [val[i]["data_samples"].role for i in range(3)] == ["query", "gallery", "gallery"]


def test_images_of_a_class_are_alike_and_not_the_same():
    cfg = load("cub")
    make_standin(cfg)
    train, _ = data_sets(cfg)
    paths = [train.unlabeled.get_data_info(i)["img_path"] for i in range(4)]
    images = [cv2.imread(path).astype(float) for path in paths]
    means = [image.mean((0, 1)) for image in images]
    assert np.abs(images[0] - images[1]).mean() > 5
    assert np.abs(means[0] - means[1]).max() < 3 < np.abs(means[0] - means[2]).max()


def test_lists_have_no_stand_in():
    cfg = load("cub")
    cfg.train_dataloader.dataset.update(empty=None, unlabeled=None, split="100_seed0")
    with pytest.raises(ValueError, match="stand-in images for a CUBDataset, but got lists"):
        make_standin(cfg)
