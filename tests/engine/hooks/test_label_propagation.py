# SPDX-License-Identifier: Apache-2.0
"""The hook in a small run, and each of its decisions alone."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader, Dataset

from rankseg.datasets.samplers.collate import collate_views
from rankseg.datasets.samplers.labeled_unlabeled import LabeledUnlabeledSampler
from rankseg.datasets.transforms.packing import PackEval, PackViews
from rankseg.engine.features import Features
from rankseg.engine.hooks import LabelPropagationHook
from rankseg.engine.hooks.label_propagation import measure
from rankseg.engine.hooks.notes import RunNotes
from rankseg.engine.runner import StrictRunner
from rankseg.registry import DATASETS, MODELS
from rankseg.selection.graph import knn_graph, propagate, transduce
from rankseg.structures import SampleKey
from rankseg.testing.toy import toy_classifier, toy_student

CLASSES = 3
LABELED, UNLABELED = 3, 12


class Half:
    """Noisy images of one color; each class has its own. Every fifth class is not known."""

    def __init__(self, count, pipeline, unknown=0):
        self.pipeline = pipeline
        self.labels = np.arange(count) % CLASSES
        self.known = np.where(np.arange(count) % 5 < 5 - unknown, self.labels, -1)

    def __len__(self):
        return len(self.labels)

    def class_ids(self):
        return self.known

    def get_data_info(self, index):
        return {"sample_idx": index, "label": self.labels[index]}


@DATASETS.register_module(name="ToyHalves")
class Data(Dataset):
    """As much of a ``SemiDataset`` as a run needs, with images made on the spot."""

    metainfo = {"classes": ("a", "b", "c"), "palette": [[0, 0, 0]] * 3}
    num_labeled, num_unlabeled = LABELED, UNLABELED

    def __init__(self):
        self.labeled = Half(LABELED, Pipeline(PackViews(labeled=True)))
        self.unlabeled = Half(UNLABELED, Pipeline(PackViews(labeled=False)), unknown=1)

    def __len__(self):
        return LABELED + UNLABELED

    def __getitem__(self, key):
        index, draw, _ = key
        half, place = (
            (self.labeled, index) if index < LABELED else (self.unlabeled, index - LABELED)
        )
        return half.pipeline({**half.get_data_info(place), "seed": (0, draw, index)})


class Pipeline:
    """Makes the image of a sample, darker for testing than for training."""

    def __init__(self, pack, light=100):
        self.pack, self.light = pack, light

    def __call__(self, results):
        rng = np.random.default_rng(results["seed"])
        image = rng.integers(0, 60, (17, 17, 3))
        image[..., results["label"]] += self.light
        results.update(img=image.astype(np.uint8), valid=np.ones((1, 1), bool))
        results["seg_map"] = np.full((1, 1), results["label"], np.int64)
        return self.pack(results)


def make_loader():
    data = Data()
    sampler = LabeledUnlabeledSampler(data, 2, 4, seed=0)  # three iterations are a pass
    return DataLoader(data, 6, sampler=sampler, collate_fn=collate_views)


def model_config(**options):
    return dict(
        type="LabelPropagation",
        student=toy_classifier(CLASSES),
        data_preprocessor=dict(type="ViewPreprocessor", mean=[60.0] * 3, std=[30.0] * 3),
        **options,
    )


def make_method(**options):
    init_default_scope("rankseg")
    torch.manual_seed(0)
    return MODELS.build(model_config(**options)).train()


@pytest.fixture
def runner(tmp_path):
    """Parts of a runner that the hook reads."""
    scalars = []
    keep = SimpleNamespace(add_scalars=lambda values, step: scalars.append((step, values)))
    return SimpleNamespace(
        model=make_method(),
        iter=0,
        work_dir=tmp_path,
        max_iters=9,
        train_dataloader=make_loader(),
        val_loop=None,
        logger=logging.getLogger("test"),
        visualizer=keep,
        scalars=scalars,
    )


def run(work_dir, resume=None):
    """Train for some iterations: the first stage ends after two, passes begin at 2, 5, 8."""
    init_default_scope("rankseg")
    cfg = Config(
        dict(
            default_scope="rankseg",
            model=model_config(warmup=2),
            optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.02)),
            custom_hooks=[dict(type="LabelPropagationHook", k=4)],
            default_hooks=dict(checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=4)),
            randomness=dict(seed=0),
            log_level="WARNING",
            work_dir=str(work_dir),
            load_from=resume,
            resume=resume is not None,
            experiment_name=f"{work_dir.name}_{resume is None}",
        )
    )
    cfg.train_cfg = dict(type="PassTrainLoop", max_iters=8)
    cfg.train_dataloader = dict(
        batch_size=6,
        num_workers=0,
        sampler=dict(type="LabeledUnlabeledSampler", labeled=2, unlabeled=4),
        collate_fn=dict(type="collate_views"),
        dataset=dict(type="ToyHalves"),
    )
    runner = StrictRunner.from_cfg(cfg)
    runner.train()
    return runner.model


@pytest.fixture
def passes(monkeypatch):
    """Iterations and numbers of the passes that labels are made for."""
    seen, inner = [], LabelPropagationHook.relabel

    def relabel(self, runner, method, number):
        seen.append((runner.iter, number))
        inner(self, runner, method, number)

    monkeypatch.setattr(LabelPropagationHook, "relabel", relabel)
    return seen


def test_a_resumed_run_ends_as_one_that_was_not_stopped(tmp_path, passes):
    whole = run(tmp_path / "a")
    assert passes == [(2, 0), (5, 1)]
    assert len(whole.pseudo_label) == UNLABELED and len(set(whole.pseudo_label.tolist())) > 1
    passes.clear()
    resumed = run(tmp_path / "b", resume=str(tmp_path / "a" / "iter_4.pth"))
    assert passes == [(5, 1)]
    for (name, mine), theirs in zip(
        resumed.state_dict().items(), whole.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name


def test_a_run_leaves_numbers_and_a_picture(tmp_path):
    run(tmp_path)
    notes = json.loads((tmp_path / "label_propagation.json").read_text())
    assert [note["pass"] for note in notes] == [1, 2, 3][: len(notes)] and len(notes) > 1
    assert all(sum(note["right"] + note["wrong"]) > 0 for note in notes)
    assert (tmp_path / "label_propagation.png").is_file()


def test_labels_are_those_of_the_graph(runner, caplog):
    solver = dict(alpha=0.6, power=1, max_iter=2, tol=1e-3)
    hook, method = LabelPropagationHook(k=4, **solver), runner.model
    with caplog.at_level(logging.INFO):
        hook.before_train(runner)
        hook.relabel(runner, method, number=3)
    data = runner.train_dataloader.dataset
    images = [data[SampleKey(i, 3)]["inputs"] for i in range(LABELED + UNLABELED)]
    images = torch.stack([x.get("labeled", x.get("weak")) for x in images])
    images = method.data_preprocessor({"inputs": images})["inputs"]
    with torch.no_grad():
        feature = method.student.eval().extract_feat(images)[-1].mean((2, 3)).numpy()
    found = propagate(*knn_graph(feature, 4), [0, 1, 2], [0, 1, 2], 3, **solver)
    assert method.pseudo_label.tolist() == found.label[LABELED:].tolist()
    torch.testing.assert_close(
        method.pseudo_weight, torch.from_numpy(found.weight[LABELED:]).float(), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(method.class_weight, torch.from_numpy(found.class_weight).float())
    # two of twelve classes are not known
    known = np.arange(UNLABELED) % 5 < 4
    right = (found.label[LABELED:] == np.arange(UNLABELED) % CLASSES)[known]
    weight = found.weight[LABELED:][known]
    ((step, values),) = runner.scalars
    assert step == 0
    assert values["label_propagation/accuracy"] == pytest.approx(100 * right.mean(), abs=1e-4)
    wanted = 100 * (right * weight).sum() / weight.sum()
    assert values["label_propagation/accuracy_weighted"] == pytest.approx(wanted, abs=1e-2)
    assert "pseudo-labels of pass 4: " in caplog.text
    assert f"({values['label_propagation/accuracy_weighted']:.2f}% weighted)" in caplog.text


def test_the_networks_own_labels(runner):
    hook = LabelPropagationHook(k=99, labels_by="network")
    hook.before_train(runner)  # k is not used
    logits = torch.tensor([[0.0, 0.0, 3.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [9.0, 0.0, 0.0]])
    found = hook.propagate(Features(None, logits), np.array([1]))
    assert found.label.tolist() == [1, 0, 1, 0]
    entropy = -(logits.softmax(1) * logits.log_softmax(1)).sum(1)
    certainty = 1 - entropy / np.log(3)
    assert found.weight[1:].tolist() == pytest.approx((certainty / certainty.max())[1:].tolist())
    assert found.class_weight.tolist() == pytest.approx([4 / 6, 4 / 6, 4 / 3])


def test_labels_of_a_game_on_the_same_graph():
    feature = torch.rand(20, 4, generator=torch.Generator().manual_seed(0))
    found = Features(feature, torch.zeros(20, 3))
    labels = np.array([0, 1, 2, 2, 0])
    hook = LabelPropagationHook(k=4, power=2, max_iter=7, labels_by="transduction")
    graph = knn_graph(feature.numpy(), 4)
    wanted = transduce(*graph, labels, np.arange(5), 3, power=2, max_iter=7)
    assert np.array_equal(hook.propagate(found, labels).scores, wanted.scores)


@pytest.mark.parametrize("labels_by", ["propagation", "network"])
def test_weights_can_be_left_out(labels_by):
    pairs = torch.eye(8).repeat_interleave(2, 0)[:15]
    rng = torch.Generator().manual_seed(0)
    noise, logits = torch.rand(15, 8, generator=rng), torch.rand(15, 3, generator=rng)
    found = Features(pairs + 0.1 * noise, logits)
    options = dict(k=2, max_iter=3, labels_by=labels_by)
    full, bare, balanced = (
        LabelPropagationHook(**options, **more).propagate(found, np.array([0, 1, 2, 2]))
        for more in ({}, dict(certainty=False, class_balance=False), dict(certainty=False))
    )
    for other in (bare, balanced):
        assert np.array_equal(other.label, full.label)
        assert np.array_equal(other.weight, full.scores.any(1))
    assert bare.class_weight.tolist() == [1, 1, 1]
    assert np.array_equal(balanced.class_weight, full.class_weight)
    assert len(set(full.weight)) > 2 and len(set(full.class_weight)) > 1
    assert full.scores.any(1).all() == (labels_by == "network")


def test_images_as_for_testing(runner, monkeypatch):
    with pytest.raises(ValueError, match="Expected val_dataloader, .*features=.train."):
        LabelPropagationHook(k=4, features="test").before_train(runner)
    pipeline = Pipeline(PackEval(), light=-20)
    runner.val_loop = object()
    runner.val_dataloader = SimpleNamespace(dataset=SimpleNamespace(pipeline=pipeline))
    seen, inner = [], LabelPropagationHook.propagate

    def propagate_features(self, found, labels):
        seen.append(found.feature)
        return inner(self, found, labels)

    monkeypatch.setattr(LabelPropagationHook, "propagate", propagate_features)
    for features in ("train", "test"):
        hook = LabelPropagationHook(k=4, features=features)
        hook.before_train(runner)
        hook.relabel(runner, runner.model, 0)
    data = runner.train_dataloader.dataset
    dark = [
        half.get_data_info(i) | {"seed": (0, 0, first + i)}
        for half, first in ((data.labeled, 0), (data.unlabeled, LABELED))
        for i in range(len(half))
    ]
    images = torch.stack([pipeline(results)["inputs"] for results in dark])
    images = runner.model.data_preprocessor({"inputs": images})["inputs"]
    with torch.no_grad():
        wanted = runner.model.student.eval().extract_feat(images)[-1].mean((2, 3))
    torch.testing.assert_close(seen[1], wanted, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(seen[0], wanted, atol=1e-2)


def test_unreached_images_are_told_once(runner, caplog):
    hook = LabelPropagationHook(k=1)
    pairs = torch.eye(8).repeat_interleave(2, 0)[:15]  # 0 with 1, 2 with 3, ..., 14 alone
    found = hook.propagate(Features(pairs, torch.zeros(15, 3)), np.array([0, 1, 2]))
    for _ in range(2):
        hook._warn_unreached(runner, found)
    assert caplog.text.count("No label reaches 11 of 15 images (73.3%)") == 1


def test_what_cannot_work_is_refused_before_training(runner):
    with pytest.raises(ValueError, match="the graph has 15 images, but got 15"):
        LabelPropagationHook(k=15).before_train(runner)
    LabelPropagationHook(k=14).before_train(runner)
    runner.model.propagation_start = 9
    with pytest.raises(ValueError, match="more iterations than model.warmup=9.* got 9"):
        LabelPropagationHook(k=4).before_train(runner)
    runner.model.propagation_start = 0
    with pytest.raises(ValueError, match="labels_by of LabelPropagationHook .* got 'me'"):
        LabelPropagationHook(labels_by="me")
    with pytest.raises(ValueError, match="features .* got 'val'"):
        LabelPropagationHook(features="val")
    with pytest.raises(ValueError, match="alpha .*got 1"):
        LabelPropagationHook(alpha=1)
    with pytest.raises(ValueError, match="has no network 'teacher'"):
        LabelPropagationHook(k=4, network="teacher").before_train(runner)
    with pytest.raises(ValueError, match="got 'decode_head.pol'"):
        LabelPropagationHook(k=4, tap="decode_head.pol").before_train(runner)
    runner.model = MODELS.build(dict(type="Supervised", student=toy_student()))
    with pytest.raises(ValueError, match="model.type to be LabelPropagation .* got Supervised"):
        LabelPropagationHook(k=4).before_train(runner)


@pytest.mark.parametrize(
    ("iteration", "warmup", "have", "number"),
    [
        (0, 0, 0, 0),
        (0, 0, UNLABELED, 0),  # a new run starts again, also from weights of an earlier one
        (2, 0, UNLABELED, None),
        (3, 0, UNLABELED, 1),
        (4, 0, 0, 1),  # resumed from a checkpoint without labels
        (4, 0, UNLABELED - 1, 1),  # of another list
        (4, 5, 0, None),
        (5, 5, 0, 0),
        (7, 5, UNLABELED, None),
        (8, 5, UNLABELED, 1),
    ],
)
def test_when_labels_are_made(runner, monkeypatch, iteration, warmup, have, number):
    made = []
    monkeypatch.setattr(LabelPropagationHook, "relabel", lambda *args: made.append(args[3]))
    runner.model = make_method(warmup=warmup)
    runner.model.set_pseudo_labels(torch.zeros(have), torch.ones(have), torch.ones(3))
    runner.iter = iteration
    LabelPropagationHook(k=4).before_train_iter(runner, iteration)
    assert made == ([] if number is None else [number])


def _two_processes(rank: int, store: str, out: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    method, told = make_method(), []
    visualizer = SimpleNamespace(add_scalars=lambda *args, **kwargs: told.append(1))
    runner = SimpleNamespace(
        model=method,
        iter=0,
        train_dataloader=make_loader(),
        logger=logging.getLogger("test"),
        visualizer=visualizer,
    )
    hook = LabelPropagationHook(k=4)
    hook._notes = RunNotes(f"{out}/label_propagation.json", 0)
    hook.relabel(runner, method, 0)
    torch.save((method.pseudo_label, method.pseudo_weight, told), f"{out}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_get_the_labels_of_one(runner, tmp_path):
    places = str(tmp_path / "store"), str(tmp_path)
    torch.multiprocessing.start_processes(_two_processes, places, nprocs=2, start_method="fork")
    hook = LabelPropagationHook(k=4)
    hook.before_train(runner)
    hook.relabel(runner, runner.model, 0)
    for rank in range(2):
        label, weight, told = torch.load(tmp_path / f"{rank}.pt")
        assert torch.equal(label, runner.model.pseudo_label)
        torch.testing.assert_close(weight, runner.model.pseudo_weight, rtol=1e-3, atol=1e-3)
        assert len(told) == (rank == 0)


def test_measures_accuracy_and_weights():
    label, truth = np.array([0, 1, 1, 0]), np.array([0, 1, 0, -1])
    found = measure(label, np.array([1.0, 0.5, 0.25, 0.1]), truth)
    assert found["weight"] == pytest.approx(1.85 / 4)
    assert found["accuracy"] == pytest.approx(200 / 3)
    assert found["accuracy_weighted"] == pytest.approx(100 * 1.5 / 1.75)
    assert (found["right"][10], found["right"][19], sum(found["right"])) == (1, 1, 2)
    assert (found["wrong"][5], sum(found["wrong"])) == (1, 1)


def test_measures_unknown_truth_and_zero_weights():
    nothing = np.zeros(2)
    assert measure(nothing, nothing, np.full(2, -1)) == {"weight": 0.0}
    assert measure(nothing, nothing, nothing)["accuracy_weighted"] == 0.0
