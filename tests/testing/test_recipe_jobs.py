# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest

from rankseg.testing import recipe_jobs
from rankseg.testing.recipe_jobs import Job, build_config, weights_of_masks, write_lists
from rankseg.testing.recipes import RECIPES, ImageSet


@pytest.fixture
def data(tmp_path):
    """Lists of a set of 40 training images, 4 of them labeled."""
    splits = tmp_path / "data" / "kvasir" / "splits"
    (splits / "16").mkdir(parents=True)
    train = [f"images/{i}.jpg masks/{i}.png\n" for i in range(40)]
    (splits / "train.txt").write_text("".join(train))
    (splits / "16" / "labeled.txt").write_text("".join(train[:4]))
    (splits / "16" / "unlabeled.txt").write_text("".join(f"images/{i}.jpg\n" for i in range(4, 40)))
    (splits / "val.txt").write_text("".join(f"images/v{i}.jpg masks/v{i}.png\n" for i in range(9)))
    return tmp_path / "data"


def image_names(file) -> list[str]:
    return [line.split()[0] for line in file.read_text().splitlines()]


def test_held_out_images_are_in_no_other_list(data, tmp_path):
    image_set = ImageSet("kvasir_16", "16/labeled.txt", tune=10, tested=5)
    lists = write_lists(data / "kvasir", image_set, tmp_path / "lists")
    names = {key: image_names(file) for key, file in lists.items()}
    counts = {key: len(found) for key, found in names.items()}
    assert counts == {"labeled": 4, "unlabeled": 26, "tune": 10, "val": 5}
    together = names["labeled"] + names["unlabeled"] + names["tune"]
    assert sorted(together) == sorted(f"images/{i}.jpg" for i in range(40))
    every = write_lists(data / "kvasir", image_set, tmp_path / "all", all_labels=True)
    assert set(image_names(every["labeled"])) == set(names["labeled"] + names["unlabeled"])
    assert image_names(every["tune"]) == names["tune"]


@pytest.mark.parametrize("name", RECIPES)
def test_config_of_a_job(data, tmp_path, name):
    recipe = RECIPES[name]
    cfg = build_config(Job(f"kvasir/{name}/3", data, __file__, tmp_path, iterations=40))
    assert cfg.randomness.seed == 3
    assert cfg.train_cfg.max_iters == round(40 * recipe.length)
    dataset = cfg.train_dataloader.dataset
    assert dataset.labeled != dataset.unlabeled
    assert cfg.val_dataloader.dataset.ann_file.endswith("tune.txt")
    assert cfg.test_dataloader.dataset.ann_file.endswith("val.txt")
    kinds = [step["type"] for step in dataset.unlabeled_pipeline]
    assert ("LoadTruth" in kinds) == (recipe.method != "supervised")
    assert all(step["type"] != "LoadTruth" for step in dataset.labeled_pipeline)
    weights = cfg.model.student.decode_head.loss_decode.get("class_weight")
    assert bool(weights) == recipe.weighted
    if recipe.first:
        network = (recipe.first, "3", "network.pth")
        files = [file for file in (cfg.model.labeler, cfg.load_from) if file is not None]
        assert files and all(Path(file).parts[-3:] == network for file in files)
        assert (cfg.load_from is not None) == recipe.proceed
        assert (cfg.model.warmup, cfg.model.ramp) == (0, 0)
    elif recipe.method != "supervised":
        assert cfg.model.get("labeler") is None and cfg.load_from is None
        assert cfg.model.warmup == 10 * recipe.length


def test_recolored_labeled_image_is_a_strong_view(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    results = dict(img=image, img_path="a.png", seed=(0,))
    expected = recipe_jobs.StrongViews(num=1)(dict(results))["strong1"]
    found = recipe_jobs.Recolor()(dict(results))
    assert "strong1" not in found and np.array_equal(found["img"], expected)


def test_predicted_share():
    right, wrong, missed = 30, 20, 10  # IoU 30/60, recall 30/40, predicted 50 of 40
    share = recipe_jobs.predicted_share(100 * right / 60, 100 * right / (right + missed))
    assert share == pytest.approx(100 * (right + wrong) / (right + missed))
    assert recipe_jobs.predicted_share(0.0, 0.0) == 0


def test_weights_have_a_mean_of_one_over_the_pixels(tmp_path):
    mask = np.zeros((10, 10), np.uint8)
    mask[:1] = 1
    mask[9] = 255  # 80, 10 and 10 ignored
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    for power in (0.5, 0.25):
        weights = weights_of_masks([tmp_path / "mask.png"], 2, power)
        assert weights[1] / weights[0] == pytest.approx((80 / 10) ** power, rel=1e-3)
        assert 80 * weights[0] + 10 * weights[1] == pytest.approx(90, rel=1e-3)
