# SPDX-License-Identifier: Apache-2.0
"""Clusters as labels in small runs: what is dealt, that no label is read, that a run goes on."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image

from rankseg.datasets.samplers.classes import PKSampler
from rankseg.engine.hooks import ClusterHook
from rankseg.engine.hooks import base as base_module
from rankseg.engine.hooks import cluster as cluster_module
from rankseg.engine.hooks.cluster import Clustering, cluster, measure
from rankseg.errors import RunEnded
from rankseg.models.methods import MetricLearning, Supervised
from rankseg.registry import DATASETS
from rankseg.testing.class_run import run_classes
from rankseg.testing.processes import run_processes
from rankseg.testing.toy import toy_embedder

CLASSES = ("a", "b", "c")
EACH, IMAGES = 6, 18
PER_PASS = 3  # batches of 2 x 3 images
HOOK = dict(clusters=4, interval_epochs=1, tries=1)
MODEL = dict(
    type="MetricLearning",
    metric_loss=dict(type="MultiSimilarityLoss"),
    miner=dict(type="MultiSimilarityMiner"),
    memory=dict(size=10),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Noisy images of one color; each class has its own."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for k, name in enumerate(CLASSES):
        for part, count in (("train", EACH), ("test", 2)):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 60, (17, 17, 3))
                pixels[..., k] += 40
                Image.fromarray(pixels.astype(np.uint8)).save(folder / part / name / f"{i}.png")
    return folder


def dataset_config(root, **options):
    load, draw = dict(type="LoadImage"), dict(type="DrawViews", weak="flip_crop", size=17)
    return dict(
        type="SemiDataset",
        dataset=dict(type="ClassFolderDataset", data_root=str(root)),
        labeled_pipeline=[load, draw, dict(type="PackViews", labeled=True)],
        unlabeled_pipeline=[load, draw, dict(type="PackViews", labeled=False)],
        **{**dict(empty="labeled", unlabeled=""), **options},
    )


def run(
    root, work_dir, resume=None, load=None, workers=0, hook=(), iters=8, every=100, model=MODEL
):
    """Train, with a checkpoint of every so many iterations."""
    return run_classes(
        root,
        work_dir,
        model=dict(student=toy_embedder(), **model),
        hooks=[dict(type="ClusterHook", **{**HOOK, **dict(hook)})],
        train=dict(
            batch_size=6,
            num_workers=workers,
            sampler=dict(type="PKSampler", classes=2, images=3),
            dataset=dataset_config(root),
        ),
        metric="RetrievalMetric",
        iters=iters,
        every=every,
        resume=resume,
        load=load,
    )


@pytest.fixture
def batches(monkeypatch):
    """Of every step: indices and labels of the images, and the clusters."""
    seen, inner = [], MetricLearning.loss

    def loss(self, inputs, data_samples):
        rows = [(s.sample_idx, int(s.gt_sem_seg.data)) for s in data_samples["labeled"]]
        seen.append((rows, self.clusters.label.tolist(), len(self.memory)))
        return inner(self, inputs, data_samples)

    monkeypatch.setattr(MetricLearning, "loss", loss)
    return seen


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """A run that is not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    return run(root, folder, every=1), folder


def noted(folder) -> list[dict]:
    return json.loads((folder / "clusters.json").read_text())


def assert_equal(one, other):
    for (name, mine), theirs in zip(
        one.state_dict().items(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name


# --- clusters


def test_clusters_are_those_of_k_means():
    rng = np.random.default_rng(0)
    means = 10 * np.eye(5)
    truth = rng.permutation(np.arange(5).repeat(7))
    found = cluster((means[truth] + rng.normal(size=(35, 5))).astype(np.float32), 5, 0, 20, 3)
    assert measure(found.label, np.empty(0), truth)["nmi"] == pytest.approx(100)
    for k in range(5):
        assert np.abs(found.center[k] - means[truth[found.label == k][0]]).max() < 2
    assert found.label.dtype == np.int64 and found.center.dtype == np.float32


def test_clusters_without_images_are_left_out():
    points = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    found = cluster(points, 7, 0, 20, 1)
    assert len(found.center) == 3 and set(found.label.tolist()) == {0, 1, 2}
    np.testing.assert_allclose(found.center[found.label], points, atol=1e-3)


def test_how_much_embeddings_are_alike():
    rows = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32) + 1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    wanted = 100 * np.mean([a @ b for a in rows for b in rows])
    assert cluster(rows, 2, 0, 5, 1).alike == pytest.approx(wanted, rel=1e-5) and 10 < wanted < 90


def test_numbers_of_clusters():
    label, truth = np.array([0, 0, 0, 1, 1, 2]), np.array([4, 4, 5, 5, 5, -1])
    numbers = measure(label, np.array([2, 2, 2, 0, 0, 1]), truth)
    sizes = {key: numbers[key] for key in ("clusters", "smallest", "median", "largest")}
    assert sizes == {"clusters": 3, "smallest": 1, "median": 2.0, "largest": 3}
    assert numbers["same"] == pytest.approx(100)
    assert numbers["purity"] == pytest.approx(100 * 4 / 5)  # of the known: 2 of 3, 2 of 2
    log = np.log
    information = 2 / 5 * log(5 / 3) + 1 / 5 * log(5 / 9) + 2 / 5 * log(5 / 3)
    entropy = -(2 / 5 * log(2 / 5) + 3 / 5 * log(3 / 5))  # of both
    assert numbers["nmi"] == pytest.approx(100 * information / entropy)
    assert set(measure(label, np.empty(0), truth * 0 - 1)) == set(sizes)
    assert "nmi" not in measure(label, np.empty(0), truth * 0), "of one class"


# --- runs


@pytest.mark.parametrize("start", [3, 5])
def test_a_run_resumed_anywhere_ends_as_one_that_was_not_stopped(root, whole, tmp_path, start):
    model, folder = whole
    notes = noted(folder)
    (tmp_path / "clusters.json").write_text(json.dumps([*notes, {"iteration": 99}]))
    assert_equal(run(root, tmp_path, resume=str(folder / f"iter_{start}.pth")), model)
    assert [{**note, "seconds": 0} for note in noted(tmp_path)] == [
        {**note, "seconds": 0} for note in notes
    ]


def test_what_is_dealt_and_that_workers_change_nothing(root, whole, tmp_path, batches):
    assert_equal(run(root, tmp_path, workers=1), whole[0])
    assert [remembered for *_, remembered in batches] == [0, 6, 10] * 2 + [0, 6]
    clusters = []
    for rows, labels, _ in batches:
        assert all(labels[index] == label for index, label in rows)
        assert len({label for _, label in rows}) == 2
        clusters.append(tuple(labels))
    assert [clusters.index(labels) for labels in clusters] == [0, 0, 0, 3, 3, 3, 6, 6]


def test_no_label_is_read(root, whole, tmp_path, monkeypatch):
    """A run on folders whose images have lost their classes ends the same."""
    other = tmp_path / "one_folder"
    for part in ("train", "test"):
        for name in CLASSES:
            (other / part / name).mkdir(parents=True)
    order = [(name, i) for name in CLASSES for i in range(EACH)]
    for number, (name, i) in enumerate(order):  # as many, in the order of before, all of class a
        (other / f"train/a/{number:02}.png").write_bytes(
            (root / f"train/{name}/{i}.png").read_bytes()
        )
    for name in CLASSES:
        for i in range(2):
            (other / f"test/{name}/{i}.png").write_bytes(
                (root / f"test/{name}/{i}.png").read_bytes()
            )
    assert_equal(run(other, tmp_path / "run"), whole[0])


def test_a_run_leaves_numbers(whole):
    notes = noted(whole[1])
    assert [note["iteration"] for note in notes] == [0, 3, 6]
    assert ["same" in note for note in notes] == [False, True, True]
    assert all(0 <= note["nmi"] <= 100 and note["largest"] <= IMAGES for note in notes)


@pytest.mark.parametrize("features", ["test", "train"])
def test_images_are_loaded_and_networks_asked_as_told(root, tmp_path, monkeypatch, features):
    found, inner = [], base_module.extract_features

    def extract(method, images, indices, **options):
        steps = [type(step).__name__ for step in images.unlabeled.pipeline.transforms]
        found.append((steps, options["network"]))
        return inner(method, images, indices, **options)

    monkeypatch.setattr(base_module, "extract_features", extract)
    model = dict(MODEL, teacher=dict(momentum=0.1))
    run(root, tmp_path, hook=dict(features=features, network="teacher"), model=model, iters=1)
    drawn = ["LoadImage", "DrawViews", "PackViews"]
    assert found == [(["LoadImage", "PackEval"] if features == "test" else drawn, "teacher")]


def test_clusters_of_a_run_to_start_from_are_forgotten(root, whole, tmp_path):
    before = torch.load(whole[1] / "iter_8.pth", weights_only=False)["state_dict"]
    model = run(root, tmp_path, load=str(whole[1] / "iter_8.pth"), iters=1)
    assert [note["iteration"] for note in noted(tmp_path)] == [0]
    assert not torch.equal(model.clusters.centre, before["clusters.centre"])


def test_embeddings_that_are_all_alike_end_the_run(root, tmp_path, monkeypatch):
    one = Clustering(np.zeros(IMAGES, np.int64), np.zeros((1, 8), np.float32), 100.0)
    monkeypatch.setattr(cluster_module, "cluster", lambda *args, **options: one)
    with pytest.raises(RunEnded, match="at least 2 clusters, .* of 18 images form 1\\."):
        run(root, tmp_path)


@pytest.mark.parametrize(("clusters", "told"), [(6, False), (7, True)])
def test_clusters_too_small_for_a_batch_are_told(root, tmp_path, clusters, told):
    run(root, tmp_path, hook=dict(clusters=clusters), iters=1)
    (log,) = tmp_path.glob("*/*.log")
    assert ("a cluster has 2.6 of the 18 images on average, but a batch takes 3" in log.read_text()
            ) == told  # fmt: skip


def test_embeddings_that_are_nearly_one_are_told(root, tmp_path, monkeypatch):
    values = iter((99.99, 99.5, 99.95))  # the first is of the network as it begins

    def alike(*args, **options):
        return cluster(*args, **options)._replace(alike=next(values))

    monkeypatch.setattr(cluster_module, "cluster", alike)
    run(root, tmp_path)
    (log,) = tmp_path.glob("*/*.log")
    (told,) = [line for line in log.read_text().splitlines() if "are nearly identical" in line]
    assert "mean cosine similarity 99.950%" in told
    assert [note["alike"] for note in noted(tmp_path)] == [99.99, 99.5, 99.95]


def _clusters_of(root, folder):
    return run(root, folder, iters=4).clusters.state_dict()


def test_two_processes_have_the_same_clusters(root, tmp_path):
    one, other = run_processes(2, _clusters_of, root, tmp_path)
    assert one["label"].shape == (IMAGES,)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


# --- what is refused


@pytest.fixture
def runner(root):
    """What the hook reads of a runner before training."""
    init_default_scope("rankseg")
    dataset = DATASETS.build(dataset_config(root))
    sampler = PKSampler(dataset, 2, 3, seed=0)
    return SimpleNamespace(
        model=MetricLearning(toy_embedder(), metric_loss=dict(type="MultiSimilarityLoss")),
        iter=0,
        max_iters=9,
        train_dataloader=SimpleNamespace(dataset=dataset, sampler=sampler),
        val_loop=None,
        logger=logging.getLogger("test"),
    )


def test_a_method_without_clusters(runner):
    runner.model = Supervised(toy_embedder())
    with pytest.raises(ValueError, match="to be MetricLearning or a subclass .* got Supervised"):
        ClusterHook(4).before_train(runner)


def test_a_loss_with_proxies(runner):
    proxies = dict(type="ProxyAnchorLoss", num_classes=4, embedding_size=8)
    runner.model = MetricLearning(toy_embedder(), metric_loss=proxies)
    with pytest.raises(ValueError, match="got ProxyAnchorLoss, which learns a proxy"):
        ClusterHook(4).before_train(runner)


def test_a_sampler_of_other_batches(runner):
    runner.train_dataloader.sampler = None
    with pytest.raises(ValueError, match=r"got NoneType. Set .*sampler=dict\(type='PKSampler'"):
        ClusterHook(4).before_train(runner)


def test_fewer_clusters_than_classes_in_a_batch(runner):
    runner.train_dataloader.sampler.classes = 5
    with pytest.raises(ValueError, match=r"at most 4 classes .* got PKSampler\(classes=5\)"):
        ClusterHook(4).before_train(runner)


def test_no_validation_pipeline(runner):
    with pytest.raises(ValueError, match="Expected val_dataloader, .* set its features='train'"):
        ClusterHook(4).before_train(runner)


def test_no_teacher(runner):
    with pytest.raises(ValueError, match=r"network='teacher'.*model.teacher=dict"):
        ClusterHook(4, network="teacher").before_train(runner)


def test_more_clusters_than_images(runner):
    with pytest.raises(ValueError, match="clusters of ClusterHook to be at most 18, .* got 19"):
        ClusterHook(19).check_dataset(runner.train_dataloader.dataset)


def test_images_with_labels(root):
    init_default_scope("rankseg")
    dataset = DATASETS.build(dataset_config(root, empty="unlabeled", labeled="", unlabeled=None))
    with pytest.raises(ValueError, match="got 18 labeled images. Remove the hook"):
        ClusterHook(4).check_dataset(dataset)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(clusters=1), r"clusters of ClusterHook to be 2 or more, but got 1"),
        (dict(clusters=4, interval_epochs=0), "interval_epochs .* above 0, but got 0"),
        (
            dict(clusters=4, features="val"),
            r"features of ClusterHook to be one .* got 'val'",
        ),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        ClusterHook(**options)
