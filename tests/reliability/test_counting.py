# SPDX-License-Identifier: Apache-2.0
"""Evaluation and features in several processes: every image counts once."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler
from torch.utils.data import DataLoader, Dataset

from rankseg.datasets.samplers.labeled_unlabeled import LabeledUnlabeledSampler
from rankseg.engine.features import extract_features
from rankseg.evaluation import ClassificationMetric, SegmentationMetric
from rankseg.testing.processes import run_processes

CLASSES = ("a", "b", "c")


class Noting:
    """Keeps what a metric is given to compute from."""

    def compute_metrics(self, results):
        self.seen = copy.deepcopy(results)
        return super().compute_metrics(results)


class NotingSegmentation(Noting, SegmentationMetric):
    pass


class NotingClassification(Noting, ClassificationMetric):
    pass


def image(i, pixels):
    """Truth and prediction of an image, whose number decides what is right in it."""
    torch.manual_seed(i)
    truth, predicted = torch.randint(3, (2, 1, pixels, pixels))
    truth.view(-1)[-1] = i % 3
    maps = dict(gt_sem_seg=dict(data=truth), pred_sem_seg=dict(data=predicted))
    if pixels == 1:
        maps["seg_logits"] = dict(data=torch.eye(3)[predicted.flatten()].view(3, 1, 1))
    return dict(img_path=f"{i}.png", **maps)


def evaluate(kind, pixels, size, batch_size):
    """As mmengine's validation loop: numbers, and what they were computed from."""
    data = list(range(size))
    metric = kind()
    metric.dataset_meta = dict(classes=CLASSES)
    loader = DataLoader(
        data, batch_size, sampler=DefaultSampler(data, shuffle=False), collate_fn=list
    )
    for batch in loader:
        metric.process({}, [image(i, pixels) for i in batch])
    return metric.evaluate(size), getattr(metric, "seen", None), getattr(metric, "confusion", None)


def evaluate_all(size):
    return [
        evaluate(kind, pixels, size, batch_size)
        for kind, pixels in ((NotingSegmentation, 2), (NotingClassification, 1))
        for batch_size in ((4,) if size > 100 else (1, 4))
    ]


@pytest.mark.parametrize(("size", "world"), [(1449, 4), (5, 3), (2, 3)])
def test_every_image_counts_once_and_in_order(size, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = evaluate_all(size)
    found = run_processes(world, evaluate_all, size)
    for other in found[1:]:
        assert [numbers for numbers, _, _ in other] == [numbers for numbers, _, _ in found[0]]
    for (mine, seen, confusion), (alone, all_of_them, truth) in zip(found[0], wanted, strict=True):
        assert mine == pytest.approx(alone, nan_ok=True)
        assert len(seen) == size == len(all_of_them)
        assert str(seen) == str(all_of_them)
        assert truth is None or (confusion == truth).all() and confusion.sum() == size
    assert not list(tmp_path.iterdir()), "processes exchange messages, not files"


# --- features


class Numbered(Dataset):
    """Images of one value, the number of the image."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        return {"inputs": {"weak": torch.full((3, 2, 2), float(i))}}


class Reader(torch.nn.Module):
    """A method and network at once, whose feature is the image's value."""

    def __init__(self):
        super().__init__()
        self.decode_head = torch.nn.Sequential()
        self.decode_head.pool = torch.nn.Identity()

    def network(self, name):
        return self

    def data_preprocessor(self, data):
        return data

    def extract_feat(self, images):
        return images


@pytest.mark.parametrize("world", [2, 3, 4])
def test_features_of_every_image_once_and_in_order(world):
    for size in (1, world - 1, 4 * world, 4 * world + 1):
        for found in run_processes(world, features, size):
            assert found.tolist() == list(range(size)), size


def features(size):
    return extract_features(Reader(), Numbered(size), batch_size=2).feature[:, 0]


# --- the sampler, in processes that really are several


def keys(size, start, count):
    data = SimpleNamespace(num_labeled=size[0], num_unlabeled=size[1])
    sampler = LabeledUnlabeledSampler(data, 2, 3, seed=None)  # they have to agree on a seed
    sampler.skip(start * sampler.batch_size)
    stream = iter(sampler)
    return [tuple(next(stream))[:2] for _ in range(count * sampler.batch_size)]


def test_processes_agree_on_a_seed_and_share_every_pass():
    labeled, unlabeled = 7, 31
    shares = run_processes(3, keys, (labeled, unlabeled), 0, 31 * 7)
    whole = [key for share in shares for key in share]
    assert len(set(whole)) == len(whole), "no two processes have the same image of one pass"
    for draw in range(31):
        assert sorted(i for i, d in whole if d == draw and i >= labeled) == [*range(7, 38)]
