# SPDX-License-Identifier: Apache-2.0
"""From a network with clusters to pairs of images, to training with them, and to pictures."""

import json
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope

from rankseg.analysis.attention_maps import attention_maps
from rankseg.analysis.match_images import image_files, match_images
from rankseg.datasets.transforms.homography import box, resample, rotation
from rankseg.registry import DATASETS, MODELS
from rankseg.selection.matching import load_pairs
from rankseg.structures import SampleKey
from rankseg.testing.toy import toy_embedder

TOOLS = Path(__file__).resolve().parents[2] / "tools"
SMALL = dict(tilts=0, side=100, limit=200, least=6)
CONFIG = """
model = dict(
    type="TACCCL",
    metric_loss=dict(type="MultiSimilarityLoss", alpha=2, beta=50, base=0.5),
    data_preprocessor=dict(type="ViewPreprocessor", mean=[127.5] * 3, std=[60.0] * 3),
    student={student},
)
train_dataloader = dict(
    batch_size=4,
    sampler=dict(type="PKSampler", classes=2, images=2),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=dict(type="ClassFolderDataset", data_root="{root}"),
        unlabeled="",
        empty="labeled",
        labeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="PairViews", size=48, short=64),
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            dict(type="LoadImage"),
            dict(type="ResizeCenter", size=48),
            dict(type="PackViews", labeled=False),
        ],
    ),
)
val_dataloader = dict(
    batch_size=4,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ClassFolderDataset",
        data_root="{root}",
        test_mode=True,
        pipeline=[
            dict(type="LoadImage"), dict(type="ResizeCenter", size=48), dict(type="PackEval")
        ],
    ),
)
test_dataloader = val_dataloader
work_dir = "{root}/work"
default_scope = "rankseg"
"""


def blots(seed):
    rng = np.random.default_rng(seed)
    image = np.full((120, 120, 3), 128, np.uint8)
    for _ in range(90):
        centre, radius = rng.integers(0, 120, 2), int(rng.integers(2, 10))
        cv2.circle(image, tuple(centre.tolist()), radius, rng.integers(0, 256, 3).tolist(), -1)
    return image


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Config file, checkpoint: two scenes, each from three sides, and three clusters."""
    root = tmp_path_factory.mktemp("set")
    looks = [np.eye(3), box(0.05, 0, 0.9, 0.9), rotation(12)]
    for name in "ab":
        scene = blots("ab".index(name))
        (root / "train" / name).mkdir(parents=True)
        for i, view in enumerate(looks):
            cv2.imwrite(str(root / "train" / name / f"{i}.png"), resample(scene, view, 120))
    student = toy_embedder()
    student.neck = dict(type="CBAM", in_channels=64)
    config = root / "config.py"
    config.write_text(CONFIG.format(student=student.to_dict(), root=root))
    with DefaultScope.overwrite_default_scope("rankseg"):
        torch.manual_seed(0)
        method = MODELS.build(Config.fromfile(config).model)
    method.init_weights()
    # a0 a1 b0 | a2 | b1 b2: of four pairs within clusters two are true
    method.set_clusters(torch.tensor([0, 0, 1, 0, 2, 2]), torch.randn(3, 8))
    torch.save({"state_dict": method.state_dict()}, root / "checkpoint.pth")
    return config, str(root / "checkpoint.pth")


@pytest.fixture(scope="module")
def matched(run):
    config, checkpoint = run
    out = config.parent / "out" / "matches.npz"
    cache = config.parent / "cache"
    numbers = match_images(Config.fromfile(config), checkpoint, out=out, cache=cache, **SMALL)
    return out, cache, numbers


def test_pairs_similar_images_of_one_cluster(matched):
    out, _, numbers = matched
    pairs = load_pairs(out)
    names = [sorted(pairs.names[pair].tolist()) for pair in pairs.image]
    assert sorted(names) == [
        ["train/a/0.png", "train/a/1.png"],
        ["train/b/1.png", "train/b/2.png"],
    ]
    assert numbers == json.loads(out.with_suffix(".json").read_text())
    pairs_by = [(row["least"], row["pairs"], row["true"]) for row in numbers.pop("by_score")]
    assert pairs_by == [
        (score, int((pairs.score >= score).sum()), 100.0)
        for score in (6, 9, 12, 18)
        if (pairs.score >= score).any()
    ]
    assert numbers == {
        "images": 6, "clusters": 3, "compared": 4, "pairs": 2, "matched": 4,
        "true": 100.0, "true_in_clusters": 50.0,
    }  # fmt: skip
    row = names.index(["train/a/0.png", "train/a/1.png"])
    wanted = np.linalg.inv(box(0.05, 0, 0.9, 0.9))
    np.testing.assert_allclose(pairs.homography[row], wanted, atol=0.04)
    assert pairs.score.min() >= 6
    assert (
        np.isfinite(pairs.keypoints).all(2).sum(1).tolist() == np.minimum(32, pairs.score).tolist()
    )
    picture = cv2.imread(str(out.with_suffix(".png")))
    assert picture.shape[0] > 200 and picture.shape[1] > 800


def test_training_uses_the_pairs(run, matched):
    cfg = Config.fromfile(run[0])
    init_default_scope("rankseg")
    cfg.train_dataloader.dataset.labeled_pipeline[1].update(matches=str(matched[0]), share=1.0)
    train, method = DATASETS.build(cfg.train_dataloader.dataset), MODELS.build(cfg.model)
    method.check_dataset(train)
    items = [train[SampleKey(i, 0, label)] for i, label in enumerate((0, 0, 1, 0, 2, 2))]
    found = [
        bool(torch.isfinite(item["data_samples"]["labeled"].keypoints.data).any()) for item in items
    ]
    assert found == [True, True, False, False, True, True]
    cfg.train_dataloader.dataset.labeled_pipeline[1].matches = "none.npz"
    with pytest.raises(FileNotFoundError, match="none.npz does not exist. Run: python"):
        method.check_dataset(DATASETS.build(cfg.train_dataloader.dataset))


def test_caches_keypoints(run, matched, monkeypatch):
    config, checkpoint = run
    _, cache, _ = matched
    monkeypatch.setattr("rankseg.analysis.match_images.describe", None)  # not called
    again = match_images(
        Config.fromfile(config), checkpoint, out=config.parent / "x.npz", cache=cache, **SMALL
    )
    assert {key: again[key] for key in ("pairs", "true")} == {"pairs": 2, "true": 100.0}
    for one, other in zip(load_pairs(config.parent / "x.npz"), load_pairs(matched[0]), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(TypeError):
        match_images(
            Config.fromfile(config), checkpoint, out=config.parent / "x.npz", cache=cache,
            **{**SMALL, "side": 90},
        )  # fmt: skip


@pytest.mark.parametrize("test_set", ["gone", None])
def test_needs_no_test_images(run, matched, tmp_path, test_set):
    cfg = Config.fromfile(run[0])
    if test_set:
        cfg.test_dataloader.dataset.data_root = test_set
    else:
        cfg.val_dataloader = cfg.test_dataloader = None
    numbers = match_images(cfg, run[1], out=tmp_path / "x.npz", cache=matched[1], **SMALL)
    assert numbers["pairs"] == 2


def test_warns_if_no_pair_is_found(run, matched, tmp_path, capsys):
    cfg, out = Config.fromfile(run[0]), tmp_path / "x.npz"
    options = {**SMALL, "least": 190}
    assert match_images(cfg, run[1], out=out, cache=matched[1], **options)["pairs"] == 0
    best = load_pairs(matched[0]).score.max()
    printed = capsys.readouterr().out
    assert f"The best of 4 of the 4 pairs within clusters has {best}. Use a smaller" in printed
    cfg.train_dataloader.dataset.labeled_pipeline[1].matches = str(out)
    method = MODELS.build(cfg.model)
    with pytest.raises(ValueError, match=r"to hold pairs, but got none in .*x\.npz"):
        method.check_dataset(DATASETS.build(cfg.train_dataloader.dataset))


def test_tool_computes_clusters(run, capsys):
    config, checkpoint = run
    out = config.parent / "tool.npz"
    small = [f"--{key}={value}" for key, value in SMALL.items()]
    main = runpy.run_path(str(TOOLS / "match_images.py"))["main"]
    main([str(config), checkpoint, "--out", str(out), "--clusters", "1", *small])
    text = capsys.readouterr().out
    pairs = load_pairs(out)
    assert len(pairs.image) == 6 and "6 pairs match 6 of 6 images" in text
    assert "40.0% of all pairs within clusters" in text
    assert "100.0% of 6 pairs with --least 6" in text


def test_raises_on_invalid_options_and_configs(run):
    config, checkpoint = run
    cfg = Config.fromfile(config)
    with pytest.raises(ValueError, match="top to be 1 or more, but got 0"):
        match_images(cfg, checkpoint, out="x.npz", top=0)
    state = torch.load(checkpoint)
    state["state_dict"] = {k: v for k, v in state["state_dict"].items() if "clusters" not in k}
    other = config.parent / "other.pth"
    torch.save(state, other)
    with pytest.raises(ValueError, match="other.pth to contain clusters of the 6 training images"):
        match_images(cfg, str(other), out="x.npz", **SMALL)
    part = DATASETS.get("CIFAR10Dataset")
    with pytest.raises(ValueError, match="but got CIFAR10Dataset, whose images are in arrays"):
        image_files(part.__new__(part))


# --- attention


def test_draws_and_measures_attention(run, tmp_path, capsys):
    config, checkpoint = run
    main = runpy.run_path(str(TOOLS / "attention_maps.py"))["main"]
    out = tmp_path / "attention.png"
    main([str(config), checkpoint, "--out", str(out), "--images", "2", "--count", "5"])
    numbers = json.loads(out.with_suffix(".json").read_text())
    assert numbers["images"] in (5, 6) and "of the attention of" in capsys.readouterr().out
    assert 0 < numbers["error"] < 0.1 and -1 <= numbers["correlation"] <= 1
    height, width = cv2.imread(str(out)).shape[:2]
    assert height > 2 * 180 and width > 5 * 180


def test_attention_that_moves_with_the_view_has_no_error(run, tmp_path, monkeypatch):
    """As attention, the brightness of the view itself."""

    def brightness(method, views, tap):
        maps = [torch.from_numpy(cv2.blur(v[..., 0], (9, 9)) / 255.0).float() for v in views]
        return tuple(one[None, None] for one in maps)

    monkeypatch.setattr("rankseg.analysis.attention_maps.attention_of", brightness)
    config, checkpoint = run
    numbers = attention_maps(Config.fromfile(config), checkpoint, out=tmp_path / "x.png")
    assert numbers["error"] < 0.3 * numbers["unmoved"]
    assert numbers["correlation"] > 0.85


def test_draws_files_and_raises_on_configs_without_pairs(run, tmp_path):
    config, checkpoint = run
    cfg = Config.fromfile(config)
    files = [config.parent / "train/a/0.png"]
    assert attention_maps(cfg, checkpoint, files, out=tmp_path / "x.png")["images"] == 1
    with pytest.raises(
        ValueError, match="one attention map per image, but tap='neck.channel' returns 64"
    ):
        attention_maps(cfg, checkpoint, files, out=tmp_path / "x.png", tap="neck.channel")
    with pytest.raises(ValueError, match="images to be 1 or more, but got 0"):
        attention_maps(cfg, checkpoint, files, out=tmp_path / "x.png", images=0)
    del cfg.train_dataloader.dataset.labeled_pipeline[1]
    with pytest.raises(ValueError, match="to contain PairViews, but found none. Use a config"):
        attention_maps(cfg, checkpoint, files, out=tmp_path / "x.png")
