# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from rankseg.training.test_set import build_test_set, loading_pipeline

TESTED = [dict(type="LoadImage"), dict(type="PackEval")]


def views(width: int, labeled: bool) -> list[dict]:
    crop = dict(type="RandomCrop", height=20, width=width)
    return [
        dict(type="LoadImage"),
        dict(type="DrawViews", weak=[crop]),
        dict(type="PackViews", labeled=labeled),
    ]


def config(**parts) -> Config:
    semi = dict(type="SemiDataset", **parts)
    return Config(dict(train_dataloader=dict(dataset=semi), config_file="photos.py"))


@pytest.fixture
def photo(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 50, 3), np.uint8))
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    ("pipelines", "side"),
    [
        (dict(labeled_pipeline=views(24, True), unlabeled_pipeline=views(18, False)), 18),
        (dict(labeled_pipeline=views(24, True)), 20),
    ],
)
def test_photos_alone_are_loaded_in_the_size_of_training(photo, capsys, pipelines, side):
    with DefaultScope.overwrite_default_scope("rankseg"):
        steps = loading_pipeline(config(**pipelines), photo)
    assert [step["type"] for step in steps] == ["LoadImage", "ResizeCenter", "PackEval"]
    assert steps[1]["size"] == side
    assert (
        f"photos.py has no test_dataloader. Using the center of each image, resized to {side}x"
        in (capsys.readouterr().out)
    )


def test_images_of_a_test_set_are_loaded_as_it_says(photo):
    cfg = config(labeled_pipeline=views(24, True))
    cfg.test_dataloader = dict(dataset=dict(type="ClassFolderDataset", pipeline=TESTED))
    assert loading_pipeline(cfg, photo) == TESTED  # and nothing is there to be built


def test_a_config_without_a_test_set_is_told():
    with pytest.raises(ValueError, match=r"test_dataloader of photos\.py to load .* got None"):
        build_test_set(config())
