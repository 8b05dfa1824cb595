# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from rankseg import apis
from rankseg.analysis import sample_map as module
from rankseg.analysis.sample_map import frames_of, in_planes, sample_map, training_images
from rankseg.models.memory.pool import DiscoveredPool
from rankseg.registry import MODELS
from rankseg.visualization import SampleKind, to_plane

U, E, R, L, W, C = (int(kind) for kind in SampleKind)


def config(folder):
    (file,) = folder.glob("*/vis_data/config.py")
    return apis.load_config(str(file))


def images(given, others, copies=False):
    """What stands for a training set: classes of its images are their index modulo 3."""
    index = np.arange(given + others)
    rest = np.concatenate((index[given:], index[:given])) if copies else index[given:]
    return SimpleNamespace(
        num_labeled=given,
        num_unlabeled=len(rest),
        include_labeled=copies,
        labeled=SimpleNamespace(class_ids=lambda: index[:given] % 3),
        unlabeled=SimpleNamespace(class_ids=lambda: rest % 3),
    )


def filled_pool():
    pool = DiscoveredPool(3)
    for generation, step, index in ((0, 0, [9]), (1, 0, [4, 7]), (1, 2, [5])):
        index = torch.tensor(index)
        pool.add(index, (index + (index == 7)) % 3, generation, step)
    return pool


@pytest.mark.parametrize("copies", [False, True])
def test_selects_labeled_discovered_and_some_of_the_others(copies):
    train = images(3, 8, copies)
    index, label, step = training_images(train, filled_pool(), 2, np.random.default_rng(0))
    assert index[:7].tolist() == [0, 1, 2, 9, 4, 7, 5]
    assert set(index[7:]) < {3, 6, 8, 10} and len(index) == 9
    assert label.tolist() == [0, 1, 2, 0, 1, 2, 2, -1, -1]
    assert step.tolist() == [-2, -2, -2, -1, 0, 0, 2, 3, 3]


@pytest.mark.parametrize("pool", [None, DiscoveredPool(3)])
def test_draws_labeled_images_without_discoveries(pool):
    index, label, step = training_images(images(3, 4), pool, 99, np.random.default_rng(0))
    assert sorted(index[3:]) == [3, 4, 5, 6]
    assert label.tolist() == [0, 1, 2, -1, -1, -1, -1] and step.tolist() == [-2] * 3 + [0] * 4
    ((centres, one),) = frames_of(np.eye(7), label, label, step, 3)
    assert one.kind.tolist() == [L] * 3 + [U] * 4 + [C] * 3 and one.title == "labeled images"
    assert np.array_equal(centres, np.eye(7)[:3])
    with pytest.raises(ValueError, match="labeled images, but found none. Draw a map of the"):
        training_images(images(0, 4), None, 99, np.random.default_rng(0))


def test_a_frame_for_every_discovery():
    feature = np.arange(16.0).reshape(8, 2)
    label = np.array([0, 2, 0, 0, 2, 2, 0, -1])
    truth = np.array([0, 2, 0, 0, 1, -1, 1, 1])
    step = np.array([-2, -2, -1, 0, 0, 2, 2, 3])
    first, second = frames_of(feature, label, truth, step, 3)
    assert first[1].kind.tolist() == [L, L, E, R, W, U, U, U, C, C]
    assert first[1].label.tolist() == [0, 2, 0, 0, 2, -1, -1, -1, 0, 2]
    assert np.allclose(first[0], [feature[[0, 2, 3]].mean(0), feature[[1, 4]].mean(0)])
    assert first[1].title == "discovery 1: 2 new, 50.0% of them wrong"
    assert second[1].kind.tolist() == [L, L, E, E, W, R, W, U, C, C]
    assert np.allclose(second[0], [feature[[0, 2, 3, 6]].mean(0), feature[[1, 4, 5]].mean(0)])
    assert second[1].title == "discovery 3: 2 new, 100.0% of them wrong"


@pytest.mark.parametrize("rows", [[], [2, 1]])
def test_frames_share_their_planes(rows):
    rng = np.random.default_rng(0)
    feature = rng.normal(size=(8, 5))
    label, truth = np.array([0, 2, 0, 0, 2, 2, 0, -1]), np.full(8, -1)
    step = np.array([-2, -2, -1, 0, 0, 2, 2, 3])
    frames = frames_of(feature, label, truth, step, 3)
    first, second = in_planes(feature, frames, rows, "pca", 0)
    assert len(first.points) == len(second.points) == 10
    if not rows:
        centres = np.concatenate([feature, frames[0][0], frames[1][0]])
        assert np.allclose(first.points, to_plane(centres)[:10])
        assert np.array_equal(first.points[:8], second.points[:8])
        return
    own = np.concatenate([feature[[1, 4, 5]], frames[0][0][1:], frames[1][0][1:]])
    assert np.allclose(second.points[[1, 4, 5]], to_plane(own)[:3])
    assert not second.points[[0, 2, 3, 6, 7]].any(), "in no row"


@pytest.fixture
def discovered(toy_runs, tmp_path):
    """Config and checkpoint of a method that has discovered three images."""
    cfg = config(toy_runs["classes"])
    cfg.model = {
        "type": "SnowballMixMatch",
        "student": cfg.model.student,
        "data_preprocessor": cfg.model.data_preprocessor,
        "teacher": {"momentum": 0.1},
        "master": {"momentum": 0.1},
    }
    method = MODELS.build(cfg.model)
    method.pool.add(torch.tensor([4, 6]), torch.tensor([0, 0]), 0, 0)
    method.pool.add(torch.tensor([8]), torch.tensor([2]), 0, 1)
    torch.save({"state_dict": method.state_dict()}, tmp_path / "a.pth")
    return cfg, str(tmp_path / "a.pth")


def test_a_picture_of_training_images(discovered, tmp_path, monkeypatch):
    drawn = []
    draw = module.draw_sample_maps
    monkeypatch.setattr(
        module, "draw_sample_maps", lambda path, *args: (drawn.append(args), draw(path, *args))
    )
    options = dict(how="pca", rows=["red", "blue"], limit=4, cache=str(tmp_path / "features"))
    file = sample_map(*discovered, out=tmp_path / "x/a.png", **options)
    (maps, classes, rows) = drawn[0]
    assert classes == ("blue", "green", "red") and rows == [2, 0]
    assert [one.title[:16] for one in maps] == ["discovery 1: 2 n", "discovery 2: 1 n"]
    # of 4 and 6 the classes are green and blue
    assert maps[1].kind.tolist()[:6] == [L, L, L, W, E, R]
    assert (maps[1].kind == U).sum() == 4 and all(np.isfinite(one.points).all() for one in maps)
    assert cv2.imread(str(file)) is not None and list((tmp_path / "features").iterdir())


def test_a_picture_of_test_images_by_class(toy_runs, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(module, "draw_sample_map", lambda path, *a: (drawn.append(a), path.touch()))
    folder = toy_runs["classes"]
    cfg, checkpoint = config(folder), str(folder / "iter_4.pth")
    for limit in (3, 99):
        sample_map(cfg, checkpoint, out=tmp_path / "a.png", images="test", how="pca", limit=limit)
    few, whole = drawn
    assert len(few[0]) == len(few[2]) == 3 and few[-1] == "3 of 4 test images"
    assert whole[1] is None and whole[2].tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (dict(images="val"), "images to be one of train, test, but got 'val'"),
        (dict(how="umap"), "how to be one of pca, tsne, but got 'umap'"),
        (dict(limit=-1), "limit=-1"),
        (dict(images="test", rows=["red"]), r"rows=\['red'\], images='test'"),
        (dict(rows=["pink"]), "classes of blue, green, red, but got 'pink'"),
        (dict(tap="no_such"), "tap .*got 'no_such'"),
    ],
)
def test_raises_on_invalid_options(toy_runs, tmp_path, options, match):
    folder = toy_runs["classes"]
    with pytest.raises(ValueError, match=match):
        sample_map(config(folder), str(folder / "iter_4.pth"), out=tmp_path / "a.png", **options)
    assert not list(tmp_path.iterdir())


def test_raises_on_segmentation_configs(toy_runs, tmp_path):
    folder = toy_runs["sup"]
    with pytest.raises(ValueError, match="head for whole images, .*but got DeepLabV3PlusHead"):
        sample_map(config(folder), str(folder / "iter_4.pth"), out=tmp_path / "a.png")
