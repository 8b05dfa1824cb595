# SPDX-License-Identifier: Apache-2.0
"""Discovery in small runs of real data sets: what is dealt, and that a resumed run goes on."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image

from rankseg.engine.hooks import DiscoveryHook, discovery
from rankseg.engine.hooks import base as base_module
from rankseg.models.methods import Snowball
from rankseg.registry import DATASETS, SELECTIONS
from rankseg.selection.discovery import Evidence, Selection
from rankseg.testing.class_run import run_classes
from rankseg.testing.processes import run_processes
from rankseg.testing.toy import toy_classifier

CLASSES = ("a", "b", "c")
EACH = 8  # images of a class, the first of which is labeled
LABELED, UNLABELED = len(CLASSES), len(CLASSES) * (EACH - 1)
HOOK = dict(begin=2, length=2, sizes=(2, 3), generations=2, network="master", maps=None)
SNOWBALL = dict(type="Snowball", consistency_weight=1.0)
STARTS = {2: (1, 1), 4: (1, 2), 6: (2, 1), 8: (2, 2)}  # discoveries of these options


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Noisy images of one color; each class has its own."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for k, name in enumerate(CLASSES):
        for part, count in (("train", EACH), ("test", 1)):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 60, (17, 17, 3))
                pixels[..., k] += 40
                path = folder / part / name / f"{i}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    (folder / "splits/few").mkdir(parents=True)
    for name, numbers in (("labeled", [0]), ("unlabeled", range(1, EACH))):
        lines = [f"train/{c}/{i}.png {c}\n" for i in numbers for c in CLASSES]
        (folder / f"splits/few/{name}.txt").write_text("".join(lines))
    return folder


def dataset_config(root, **options):
    load, draw = dict(type="LoadImage"), dict(type="DrawViews", weak="flip_crop", size=17)
    return dict(
        type="SemiDataset",
        dataset=dict(type="ClassFolderDataset", data_root=str(root)),
        split="few",
        labeled_pipeline=[load, draw, dict(type="PackViews", labeled=True)],
        unlabeled_pipeline=[load, dict(draw, strong="weak"), dict(type="PackViews", labeled=False)],
        **options,
    )


def run(
    root, work_dir, resume=None, workers=0, hook=(), iters=10, every=100, model=SNOWBALL, **options
):
    """Train, with a checkpoint of every so many iterations."""
    averages = dict(teacher=dict(momentum=0.4), master=dict(momentum=0.4))
    return run_classes(
        root,
        work_dir,
        model=dict(student=toy_classifier(len(CLASSES)), **averages, **model),
        hooks=[dict(type="DiscoveryHook", **{**HOOK, **dict(hook)})],
        train=dict(
            batch_size=7,
            num_workers=workers,
            persistent_workers=workers > 1,
            sampler=dict(type="LabeledUnlabeledSampler", labeled=3, unlabeled=4),
            dataset=dataset_config(root, **options),
        ),
        metric="ClassificationMetric",
        iters=iters,
        every=every,
        resume=resume,
    )


@pytest.fixture(scope="module", autouse=True)
def draw():
    """Draw no pictures, which takes longer than the training; the function that does."""
    with pytest.MonkeyPatch.context() as patch:
        inner = discovery.draw_discovery
        patch.setattr(discovery, "draw_discovery", lambda *_: None)
        yield inner


@pytest.fixture
def batches(monkeypatch):
    """Of every step: indices and labels of labeled images, indices of others, and the pool."""
    seen, inner = [], Snowball.loss

    def loss(self, inputs, data_samples):
        labeled = [
            (sample.sample_idx, int(sample.gt_sem_seg.data)) for sample in data_samples["labeled"]
        ]
        others = [LABELED + sample.sample_idx for sample in data_samples["weak"]]
        pool = dict(zip(self.pool.index.tolist(), self.pool.label.tolist(), strict=True))
        seen.append((labeled, others, pool))
        return inner(self, inputs, data_samples)

    monkeypatch.setattr(Snowball, "loss", loss)
    return seen


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """A run that is not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    return run(root, folder, every=1), folder


def assert_equal(one, other):
    for (name, mine), theirs in zip(
        one.state_dict().items(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name


@pytest.mark.parametrize("start", [1, 2, 6, 7])
def test_a_run_resumed_anywhere_ends_as_one_that_was_not_stopped(root, whole, tmp_path, start):
    model, folder = whole
    assert_equal(run(root, tmp_path, resume=str(folder / f"iter_{start}.pth")), model)


def test_on_mixmatch_too(root, tmp_path):
    on_mixmatch = dict(hook=dict(select=dict(type="nearest_centers", keep="far", confident=2)))
    on_mixmatch |= dict(model=dict(type="SnowballMixMatch"))
    model = run(root, tmp_path / "whole", every=1, **on_mixmatch)
    assert len(model.pool) == 2 * LABELED
    for start in (5, 7):  # amid a generation; with prefetched batches of the step before
        checkpoint = str(tmp_path / f"whole/iter_{start}.pth")
        assert_equal(model, run(root, tmp_path / f"from_{start}", checkpoint, **on_mixmatch))


def test_what_is_dealt_and_that_workers_change_nothing(root, whole, tmp_path, batches):
    model, folder = whole
    assert_equal(run(root, tmp_path / "a", workers=1), model)
    sizes = []
    for labeled, others, pool in batches:
        assert all(label == pool[i] for i, label in labeled if i >= LABELED)
        assert all(label == i for i, label in labeled if i < LABELED)
        assert not set(pool) & set(others)
        sizes.append(len(pool))
    assert sizes == [0, 0, 3, 3, 6, 6, 3, 3, 6, 6]
    assert {i for labeled, *_ in batches[8:] for i, _ in labeled} & set(batches[-1][2])
    resumed = run(root, tmp_path / "b", resume=str(folder / "iter_5.pth"), workers=2)
    assert_equal(resumed, model)
    assert batches[10:] == batches[5:10]


def test_labeled_images_that_are_unlabeled_too(root, tmp_path, batches):
    model = run(root, tmp_path, include_labeled=True)
    assert len(model.pool) == 6
    assert model.pool.index.max() < LABELED + UNLABELED, "copies are no candidates"
    assert any(set(pool) & set(others) for _, others, pool in batches), "they stay unlabeled, too"


def test_a_run_leaves_numbers_and_pictures(root, whole, tmp_path, draw, monkeypatch):
    monkeypatch.setattr(discovery, "draw_discovery", draw)
    run(root, tmp_path, hook=dict(maps="pca"))
    notes = json.loads((tmp_path / "discovery.json").read_text())
    assert {note["iteration"]: (note["generation"], note["step"]) for note in notes} == STARTS
    assert [note["pool"] for note in notes] == [3, 6, 3, 6]
    assert all(sum(note["classes"]) == note["new"] == 3 for note in notes)
    assert all(note["error"] == 100 * note["wrong"] / 3 for note in notes)
    assert (tmp_path / "discovery.png").stat().st_size > 1000
    names = sorted(path.name for path in (tmp_path / "discovery_maps").iterdir())
    assert names == [f"generation{g}_iteration{k}.png" for g in (1, 2) for k in (1, 2)]
    run(root, tmp_path, resume=str(whole[1] / "iter_4.pth"))
    again = json.loads((tmp_path / "discovery.json").read_text())
    assert [{**note, "seconds": 0} for note in again] == [{**note, "seconds": 0} for note in notes]


def test_generations_that_keep_what_is_discovered(root, tmp_path, batches):
    model = run(root, tmp_path, hook=dict(restart=False, sizes=(1.5, 2)))
    assert model.pool.generation.tolist() == [0] * 3 + [1] * 6  # 3 -> 4.5 -> 6, 6 -> 9 -> 12
    assert model.pool.step.tolist() == [0, 1, 1, 0, 0, 0, 1, 1, 1]
    assert len(model.pool) == 9 and len(set(model.pool.index.tolist())) == 9


def test_the_first_discovery_may_come_before_training(root, tmp_path, batches):
    model = run(root, tmp_path, hook=dict(begin=0, sizes=(2,), generations=1), iters=2)
    assert [len(pool) for *_, pool in batches] == [3, 3] and len(model.pool) == 3
    other = tmp_path / "other"
    run(root, other, hook=dict(begin=1, sizes=(2,), generations=1), iters=2)
    assert [len(pool) for *_, pool in batches[2:]] == [0, 3]


def test_what_a_selection_is_given(root, tmp_path, monkeypatch):
    given = []

    def select(evidence: Evidence, count: int, rng: np.random.Generator, last=False) -> Selection:
        given.append((evidence, count, rng.random()))
        row = np.arange(len(evidence.candidates))[:count][::-1]
        return Selection(row, np.full(count, 2))

    monkeypatch.setitem(SELECTIONS.module_dict, "given", select)
    found, inner = [], base_module.extract_features

    def extract(method, images, keys, **options):
        found.append((inner(method, images, keys, **options), [key.index for key in keys], options))
        return found[-1][0]

    monkeypatch.setattr(base_module, "extract_features", extract)
    model = run(root, tmp_path, hook=dict(select=dict(type="given"), past=2, generations=1))
    (first, count, _), (second, more, _) = given
    assert (count, more) == (3, 3)
    # of seed and iteration, so that a resumed run draws the same
    assert [drawn for *_, drawn in given] == [
        np.random.default_rng((0, start)).random() for start in (2, 4)
    ]
    features, order, options = found[0]
    assert order == list(range(LABELED + UNLABELED)) and options["network"] == "master"
    np.testing.assert_array_equal(first.labeled, features.feature[:LABELED])
    np.testing.assert_array_equal(first.candidates, features.feature[LABELED:])
    assert first.label.tolist() == [0, 1, 2] and first.past == ()
    new, rest = [5, 4, 3], list(range(6, LABELED + UNLABELED))
    features = found[1][0]
    np.testing.assert_array_equal(second.labeled, features.feature[[0, 1, 2, *new]])
    np.testing.assert_array_equal(second.candidates, features.feature[rest])
    np.testing.assert_array_equal(second.logits, features.logits[rest])
    assert second.label.tolist() == [0, 1, 2, 2, 2, 2] and second.num_given == LABELED
    ((known, candidates),) = second.past
    np.testing.assert_array_equal(known, found[0][0].feature[[0, 1, 2, *new]])
    np.testing.assert_array_equal(candidates, found[0][0].feature[rest])
    assert model.pool.index.tolist() == [5, 4, 3, 8, 7, 6] and len(model.pool.past) == 2
    assert model.pool.label.tolist() == [2] * 6


@pytest.mark.parametrize("features", ["test", "train"])
def test_images_are_loaded_as_asked(root, tmp_path, monkeypatch, features):
    found, inner = [], base_module.extract_features

    def extract(method, images, keys, **options):
        found.append([type(step).__name__ for step in images.unlabeled.pipeline.transforms])
        return inner(method, images, keys, **options)

    monkeypatch.setattr(base_module, "extract_features", extract)
    hook = dict(begin=0, sizes=(2,), generations=1, features=features)
    run(root, tmp_path, hook=hook, iters=1)
    drawn = ["LoadImage", "DrawViews", "PackViews"]
    assert found == [["LoadImage", "PackEval"] if features == "test" else drawn]


def test_true_labels(root, tmp_path):
    model = run(root, tmp_path, hook=dict(truth=True))
    index, label = model.pool.index, model.pool.label
    assert (label == (index - LABELED) % 3).all()
    assert {note["error"] for note in json.loads((tmp_path / "discovery.json").read_text())} == {0}


def _pool_of(root, folder):
    hook = dict(sizes=(2,), generations=1, select=dict(type="nearest_centers", keep="random"))
    return run(root, folder, iters=4, hook=hook).pool.state_dict()


def test_two_processes_discover_the_same(root, tmp_path):
    one, other = run_processes(2, _pool_of, root, tmp_path)
    assert one.keys() == other.keys() and len(one["index"]) == 3
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert len(json.loads((tmp_path / "discovery.json").read_text())) == 1


# --- what is refused


@pytest.fixture
def runner(root):
    """What the hook reads of a runner before training."""
    init_default_scope("rankseg")
    dataset = DATASETS.build(dataset_config(root))
    return SimpleNamespace(
        model=Snowball(toy_classifier(), teacher=dict(momentum=0.4), consistency_weight=1.0),
        iter=0,
        max_iters=100,
        train_dataloader=SimpleNamespace(dataset=dataset, sampler=None),
        val_loop=None,
        logger=logging.getLogger("test"),
    )


def test_a_method_without_a_pool(runner):
    runner.model = torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="model.type to be Method or a subclass .* got Linear"):
        DiscoveryHook(1, 1, (2,)).before_train(runner)


def test_training_that_ends_too_early(runner):
    runner.max_iters = 4
    with pytest.raises(ValueError, match="more than 4 iterations, .* got 4. Train longer"):
        DiscoveryHook(2, 2, (2,), 2).before_train(runner)


def test_no_validation_pipeline(runner):
    with pytest.raises(ValueError, match="Expected val_dataloader, .* set its features='train'"):
        DiscoveryHook(2, 2, (2,), 2).before_train(runner)


def test_an_unknown_network(root, tmp_path):
    with pytest.raises(ValueError, match="Snowball has no network 'best'"):
        run(root, tmp_path, hook=dict(network="best"))
    with pytest.raises(ValueError, match="tap of DiscoveryHook"):
        run(root, tmp_path, hook=dict(tap="decode_head.nothing"))


@pytest.mark.parametrize("sizes", [(2, 7), (2, 8)])
def test_more_images_than_there_are(runner, sizes):
    hook, dataset = DiscoveryHook(1, 1, sizes), runner.train_dataloader.dataset
    if sizes == (2, 7):
        hook.check_dataset(dataset)
        with pytest.raises(ValueError, match="discover 1026"):
            DiscoveryHook(1, 1, sizes, restart=False).check_dataset(dataset)
    else:
        message = "at most 20 images, .* are 21 besides the 3 labeled ones .* discover 21"
        with pytest.raises(ValueError, match=message):
            hook.check_dataset(dataset)


def test_truth_that_is_not_known(runner):
    dataset = runner.train_dataloader.dataset
    dataset.unlabeled.class_ids = lambda: np.array([-1] * UNLABELED)
    with pytest.raises(ValueError, match="but 21 have none. Set truth=False"):
        DiscoveryHook(1, 1, (2,), truth=True).check_dataset(dataset)


def test_masks():
    with pytest.raises(ValueError, match="got Masks, whose labels are"):
        DiscoveryHook(1, 1).check_dataset(SimpleNamespace(labeled=type("Masks", (), {})()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(features="val"), "features of DiscoveryHook to be one of .* got 'val'"),
        (dict(maps="umap"), "maps of DiscoveryHook to be one of .* got 'umap'"),
        (dict(past=-1), "past of DiscoveryHook to be 0 or more, but got -1"),
        (dict(select=dict(type="best")), "one of .*nearest_centers.* got 'best'"),
    ],
)
def test_options(options, message):
    with pytest.raises(ValueError, match=message):
        DiscoveryHook(1, 1, **options)
