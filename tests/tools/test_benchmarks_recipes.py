# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from rankseg.apis.config import load_config
from rankseg.testing.recipes import RECIPES, SETS, ImageSet

PATH = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "recipes.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("benchmark_recipes", PATH)
    module = sys.modules["benchmark_recipes"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["benchmark_recipes"]


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


def test_held_out_images_are_in_no_other_list(tool, data, tmp_path):
    image_set = ImageSet("kvasir_16", "16", tune=10, tested=5)
    lists = tool.write_lists(data / "kvasir", image_set, tmp_path / "lists")
    names = {key: image_names(file) for key, file in lists.items()}
    assert {key: len(found) for key, found in names.items()} == {
        "labeled": 4,
        "unlabeled": 26,
        "tune": 10,
        "val": 5,
    }
    together = names["labeled"] + names["unlabeled"] + names["tune"]
    assert sorted(together) == sorted(f"images/{i}.jpg" for i in range(40))
    every = tool.write_lists(data / "kvasir", image_set, tmp_path / "all", all_labels=True)
    assert set(image_names(every["labeled"])) == set(names["labeled"] + names["unlabeled"])
    assert image_names(every["tune"]) == names["tune"]


@pytest.mark.parametrize(
    "name", ["supervised", "supervised_all", "default", "lean_80", "self_flip"]
)
def test_config_of_a_job(tool, data, tmp_path, name):
    recipe = RECIPES[name]
    work = tmp_path / "runs" / "kvasir" / name / "3"
    cfg = tool.build_config(SETS["kvasir"], recipe, 3, data, __file__, tmp_path, work)
    assert cfg.randomness.seed == 3
    dataset = cfg.train_dataloader.dataset
    assert dataset.labeled != dataset.unlabeled
    assert cfg.val_dataloader.dataset.ann_file.endswith("tune.txt")
    assert cfg.test_dataloader.dataset.ann_file.endswith("val.txt")
    kinds = [step["type"] for step in dataset.unlabeled_pipeline]
    assert ("LoadTruth" in kinds) == (recipe.method != "supervised")
    assert all(step["type"] != "LoadTruth" for step in dataset.labeled_pipeline)
    if recipe.first:
        assert Path(cfg.model.labeler).parts[-3:] == ("supervised", "3", "network.pth")


def test_recipes_name_configs_and_recipes_that_exist(tool):
    for recipe in RECIPES.values():
        assert recipe.first is None or recipe.first in RECIPES
        for image_set in SETS.values():
            assert (tool.CONFIGS / recipe.method / f"{image_set.config}.py").is_file()
    for image_set in SETS.values():
        for method in ("supervised", "fixmatch", "unimatch", "rankmatch"):
            load_config(str(tool.CONFIGS / method / f"{image_set.config}.py"))


def test_jobs_with_a_result_are_skipped_and_added_ones_are_seen(tool, tmp_path):
    jobs, results = tmp_path / "jobs.txt", tmp_path / "results.jsonl"
    jobs.write_text("a/x/0\n# a comment\na/x/1  # why\n\n")
    results.write_text(json.dumps({"job": "a/x/0"}) + "\n")
    failed: set[str] = set()
    left = tool.pending(jobs, results, failed)
    assert next(left) == "a/x/1"
    failed.add("a/x/1")
    jobs.write_text(jobs.read_text() + "b/x/0\n")
    assert next(left) == "b/x/0"
    with results.open("a") as file:
        file.write(json.dumps({"job": "b/x/0"}) + "\n")
    assert list(left) == []


def test_predicted_share(tool):
    right, wrong, missed = 30, 20, 10  # IoU 30/60, recall 30/40, predicted 50 of 40
    share = tool.predicted_share(100 * right / 60, 100 * right / (right + missed))
    assert share == pytest.approx(100 * (right + wrong) / (right + missed))
    assert tool.predicted_share(0.0, 0.0) == 0


def test_class_weights_have_a_mean_of_one_over_the_pixels(tool, tmp_path):
    mask = np.zeros((10, 10), np.uint8)
    mask[:2] = 1
    mask[9] = 255  # 70, 20 and 10 ignored
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    weights = tool.class_weights([tmp_path / "mask.png"], 2, 0.5)
    assert weights[1] / weights[0] == pytest.approx((70 / 20) ** 0.5, rel=1e-3)
    assert 70 * weights[0] + 20 * weights[1] == pytest.approx(90, rel=1e-3)
