# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from rankseg.testing import image_jobs
from rankseg.testing.image_jobs import Features, class_lists, classify, fit_classes
from rankseg.testing.recipe_jobs import Job, build_config
from rankseg.testing.recipes import CLASS_RECIPES, EMBEDDING_RECIPES, SETS, ImageSet

CLASSES = ImageSet("cifar10_mini_100_lite0", 2, tune=8, key="top1", kind="classes")
EMBEDDINGS = ImageSet("omniglot_mini_lite0", 0, tune=2, key="recall1", kind="embeddings")


@pytest.fixture
def root(tmp_path):
    """Three classes with ten empty images each."""
    for name in "abc":
        (tmp_path / "train" / name).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "train" / name / f"{number}.png").touch()
    return tmp_path


def read(lists: dict[str, Path]) -> dict[str, list[str]]:
    return {name: file.read_text().splitlines() for name, file in lists.items()}


def test_seed_draws_the_labeled_images_but_not_those_held_out(root):
    first, second = (read(class_lists(root, CLASSES, root / "l", seed)) for seed in (0, 1))
    assert first["tune"] == second["tune"] and len(first["tune"]) == 8
    assert first["labeled"] != second["labeled"]
    for found in (first, second):
        names = [name for group in found.values() for name in group]
        assert len(names) == len(set(names)) == 30
        assert [name.split("/")[1] for name in found["labeled"]] == list("aabbcc")


def test_all_labels_are_those_of_images_not_held_out(root):
    few = read(class_lists(root, CLASSES, root / "l", 0))
    every = read(class_lists(root, CLASSES, root / "l", 0, all_labels=True))
    assert every["tune"] == few["tune"]
    assert sorted(few["labeled"] + few["unlabeled"]) == every["labeled"]


def test_embedding_network_is_tested_on_new_classes(root):
    found = read(class_lists(root, EMBEDDINGS, root / "l", 0))
    assert {name.split("/")[1] for name in found["tune"]} == {"a", "b"}
    assert {name.split("/")[1] for name in found["unlabeled"]} == {"c"}
    assert found["labeled"] == []


def test_clusters_and_memory_fit_the_images(root):
    lists = class_lists(root, EMBEDDINGS, root / "l", 0)
    cfg = Config(
        dict(
            model=dict(memory=dict(size=1)),
            train_dataloader=dict(dataset=dict(unlabeled=str(lists["unlabeled"]))),
            val_dataloader=dict(dataset=dict(folder="train", ann_file="tune.txt")),
            custom_hooks=[dict(type="ClusterHook", clusters=7)],
        )
    )
    fit_classes(cfg, EMBEDDINGS)
    assert cfg.model.memory.size == 10 and cfg.custom_hooks[0].clusters == 1
    assert cfg.test_dataloader.dataset == dict(folder="test", ann_file="")
    assert cfg.val_dataloader.dataset == dict(folder="train", ann_file="tune.txt")


def test_rows_of_a_list(tmp_path):
    names = [f"/data/train/a/{i}.png" for i in range(3)] + ["/data/train/b/1.png"]
    features = Features(torch.zeros(4, 2), torch.zeros(4), names)
    (tmp_path / "list.txt").write_text("train/b/1.png\ntrain/a/2.png\n")
    assert features.rows(str(tmp_path / "list.txt")) == [3, 2]


@pytest.mark.parametrize("kind", ["linear", "knn", "again", "propagation"])
def test_frozen_features_of_two_groups_are_classified(kind):
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(60) % 2
    points = torch.eye(4)[label * 2] + 0.1 * torch.randn(60, 4, generator=generator)
    known, unknown, query = points[:10], points[10:40], points[40:]
    guess = classify(kind, known, label[:10], unknown, query, seed=0)
    assert torch.equal(guess, label[40:])


def test_second_layer_learns_from_confident_images_only(monkeypatch):
    seen = []

    def probe(known, label, query, classes, seed):
        seen.append(label)
        logits = torch.zeros(len(query), classes)
        logits[:, 1] = torch.linspace(0, 4, len(query))  # confidences from 0.5 to 0.982
        return logits

    monkeypatch.setattr(image_jobs, "linear_probe", probe)
    known, label = torch.zeros(2, 3), torch.tensor([0, 1])
    for least in (0.0, 0.9):
        classify("again", known, label, torch.zeros(5, 3), torch.zeros(5, 3), 0, least)
    sure = sum(1 / (1 + 2.718281828**-x) >= 0.9 for x in range(5))
    assert len(seen[1]) == 2 + 5 and len(seen[3]) == 2 + sure == 4


def test_confident_images_move_to_the_labeled_list(tmp_path, monkeypatch):
    names = [f"train/{label}/{number}.png" for label in "ab" for number in range(3)]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "labeled.txt").write_text(f"{names[0]}\n{names[3]}\n")
    unlabeled = [names[1], names[2], names[4], names[5]]
    (tmp_path / "unlabeled.txt").write_text("".join(f"{name}\n" for name in unlabeled))
    logits = torch.tensor([[0.0, 3.0], [1.0, 0.0], [2.5, 0.0], [0.0, 2.0]])  # 0.95 0.73 0.92 0.88

    class Network:
        def test_step(self, batch):
            assert len(batch["inputs"]) == 4
            maps = [SimpleNamespace(data=row[:, None, None]) for row in logits]
            return [SimpleNamespace(seg_logits=one) for one in maps]

    monkeypatch.setattr(image_jobs, "load_method", lambda cfg, weights: Network())
    folder = dict(type="ClassFolderDataset", data_root=str(tmp_path))
    lists = {part: str(tmp_path / f"{part}.txt") for part in ("labeled", "unlabeled")}
    steps = [dict(type="LoadImage"), dict(type="PackEval")]
    cfg = Config(
        dict(
            train_dataloader=dict(dataset=dict(dataset=folder, **lists)),
            val_dataloader=dict(dataset=dict(pipeline=steps)),
        )
    )
    image_jobs.label_more(cfg, tmp_path / "network.pth", 0.9, tmp_path / "new")
    train = cfg.train_dataloader.dataset
    expected = [names[0], names[3], f"{names[1]} b", f"{names[4]} a"]  # its guesses, not the truth
    assert Path(train.labeled).read_text().splitlines() == expected
    assert Path(train.unlabeled).read_text().splitlines() == [names[2], names[5]]


JOBS = [f"cifar10_mini/{name}/3" for name in CLASS_RECIPES]
JOBS += [f"omniglot_mini/{name}/3" for name in EMBEDDING_RECIPES]


@pytest.mark.parametrize("name", JOBS)
def test_config_of_a_job(root, tmp_path, monkeypatch, name):
    kind = name.split("/")[0]
    monkeypatch.setitem(SETS, kind, replace(SETS[kind], folder=".", tune=2))
    job = Job(name, root, __file__, tmp_path / "out", iterations=40)
    cfg, recipe = build_config(job), job.recipe
    assert cfg.randomness.seed == 3 and cfg.train_cfg.max_iters == 40
    assert cfg.model.pretrained == __file__
    train, val, test = (cfg[f"{part}_dataloader"].dataset for part in ("train", "val", "test"))
    assert (val.folder, test.folder, test.ann_file) == ("train", "test", "")
    held = set(Path(val.ann_file).read_text().splitlines())
    files = [file for file in (train.get("labeled"), train.get("unlabeled")) if file]
    assert files and len(files) == (2 if kind == "cifar10_mini" else 1)
    used = {line for file in files[:1] for line in Path(file).read_text().splitlines()}
    assert used and held and not used & held
    assert all(hook["type"] != "CurvesHook" for hook in cfg.custom_hooks)
    if recipe.frozen and kind == "cifar10_mini":
        assert cfg.model.type == "Supervised"
        assert tuple(cfg.model.student.backbone.out_indices) == (3, 4)
