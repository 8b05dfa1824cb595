# SPDX-License-Identifier: Apache-2.0
"""The sampler of classes against what it promises: P x K, evenly, disjoint shares, any start."""

from collections import Counter
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from rankseg.datasets.samplers import base as class_sampler
from rankseg.datasets.samplers.classes import PKSampler
from rankseg.structures import SampleKey

SIZES = 1, 2, 3, 4, 5, 6, 9  # images of a class, 30 in all
LABELS = np.repeat(np.arange(7), SIZES)


def dataset(labels=LABELS, unlabeled=0):
    part = SimpleNamespace(class_ids=lambda: np.asarray(labels))
    return SimpleNamespace(num_labeled=len(labels), num_unlabeled=unlabeled, labeled=part)


def make(classes=3, images=4, seed=0, rank=(0, 1), monkeypatch=None, **kwargs):
    if monkeypatch is not None:
        monkeypatch.setattr(class_sampler, "get_dist_info", lambda: rank)
    return PKSampler(dataset(**kwargs), classes, images, seed=seed)


def batches(sampler, number):
    keys = list(islice(sampler, number * sampler.batch_size))
    return [keys[i : i + sampler.batch_size] for i in range(0, len(keys), sampler.batch_size)]


def test_a_batch_has_some_classes_with_some_images_each():
    sampler = make()
    assert sampler.batch_size == 12 and len(sampler) == 24 and sampler.iters_per_epoch == 2
    for batch in batches(sampler, 50):
        found = [LABELS[key.index] for key in batch]
        assert all(isinstance(key, SampleKey) and key.label is None for key in batch)
        assert [found[i : i + 4] for i in (0, 4, 8)] == [[k] * 4 for k in found[::4]]
        assert len(set(found)) == 3
        for k in set(found):
            indices = [key.index for key in batch if LABELS[key.index] == k]
            copies = Counter(indices).values()
            assert len(copies) == min(4, SIZES[k]), "no copy where there are enough"
            assert max(copies) - min(copies) <= 1


def test_classes_come_evenly_and_images_of_a_class_too():
    keys = [key for batch in batches(make(), 2000) for key in batch]
    classes = np.bincount(LABELS[[key.index for key in keys]], minlength=7) / len(keys)
    np.testing.assert_allclose(classes, 1 / 7, atol=0.01)
    images = np.bincount([key.index for key in keys], minlength=30)
    for k in range(7):
        of_class = np.split(images, np.cumsum(SIZES))[k]
        of_class = of_class / of_class.sum()
        np.testing.assert_allclose(of_class, 1 / len(of_class), atol=0.02)


def test_images_do_not_follow_the_draw_of_the_classes():
    """7 classes of 6: the image that comes first in a batch is any of its class."""
    number = 3500
    first = [batch[0].index for batch in batches(make(labels=np.repeat(np.arange(7), 6)), number)]
    expected = number / 42
    apart = (np.bincount(first, minlength=42) - expected) / expected**0.5
    assert np.abs(apart).max() < 4.5


def test_every_draw_of_an_image_is_another():
    keys = [key for batch in batches(make(), 200) for key in batch]
    assert len(set(keys)) == len(keys)


def test_seeds_differ_and_repeat():
    assert batches(make(), 5) == batches(make(), 5)
    assert batches(make(), 5) != batches(make(seed=1), 5)
    sampler = make()
    assert batches(sampler, 3) == batches(sampler, 3), "a new iterator starts there"


@pytest.mark.parametrize("skipped", [0, 1, 5, 12, 13, 600])
def test_skip_equals_iterating(skipped):
    keys = list(islice(make(), skipped + 30))
    sampler = make()
    sampler.skip(skipped)
    assert list(islice(sampler, 30)) == keys[skipped:]
    with pytest.raises(ValueError, match="skip to be 0 or more, but got -1"):
        sampler.skip(-1)


def test_skip_is_immediate():
    sampler = make()
    sampler.skip(10**15)
    assert next(iter(sampler)).draw > 10**14


def test_processes_have_disjoint_parts_of_one_batch(monkeypatch):
    shares = [make(2, 4, rank=(r, 2), monkeypatch=monkeypatch) for r in range(2)]
    whole = batches(make(4, 4, monkeypatch=monkeypatch), 20)
    parts = [batches(sampler, 20) for sampler in shares]
    for one, two, both in zip(*parts, whole, strict=True):
        assert not {LABELS[k.index] for k in one} & {LABELS[k.index] for k in two}
        assert {*one, *two} == set(both)
    assert shares[0].iters_per_epoch == 1  # 30 images // (8 * 2)


def test_more_processes_than_classes_share_them(monkeypatch):
    parts = [batches(make(5, 2, rank=(r, 3), monkeypatch=monkeypatch), 9) for r in range(3)]
    for group in zip(*parts, strict=True):
        keys = [key for part in group for key in part]
        assert len(set(keys)) == 30
        counts = Counter(LABELS[key.index] for key in keys)
        assert set(counts) == set(range(7)) and set(counts.values()) <= {4, 6}


def test_labels_of_unlabeled_images_are_dealt_as_given():
    sampler = make(labels=[], unlabeled=30)
    sampler.set_labels(range(30), LABELS[::-1], 0)
    for batch in batches(sampler, 20):
        assert all(key.label == LABELS[::-1][key.index] for key in batch)
        assert len({key.label for key in batch}) == 3
    old = iter(sampler)
    next(old)
    sampler.set_labels([3, 4, 5], [8, 7, 9], 0)
    assert {key.label for key in islice(sampler, 24)} == {7, 8, 9}
    assert {key.index for key in islice(sampler, 24)} == {3, 4, 5}
    assert next(old).label not in (7, 8, 9), "an iterator that has begun goes on"


def test_labeled_and_unlabeled_images_of_a_class_come_together():
    sampler = make(2, 4, labels=[0, 0, 1, 1], unlabeled=4)
    assert {key.index for key in islice(sampler, 80)} == {0, 1, 2, 3}
    sampler.set_labels([4, 5, 6, 7], [0, 0, 1, 1], 0)
    for batch in batches(sampler, 20):
        assert {key.index for key in batch} == set(range(8))
        assert all((key.label is None) == (key.index < 4) for key in batch)


def test_nothing_is_dealt_before_there_are_labels():
    sampler = make(2, 2, labels=[], unlabeled=5)
    with pytest.raises(ValueError, match=r"images with labels, .* Add dict\(type='Cl"):
        next(iter(sampler))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(classes=0), "to be 1 or more, but got classes=0, images=4"),
        (dict(images=0), "to be 1 or more, but got classes=3, images=0"),
        (dict(classes=8), "images of 8 classes, .* but got 7. Set"),
        (dict(labels=[4, 4, 4], classes=2), "images of 2 classes, .* but got 1. Use images of 2"),
        (dict(labels=[]), "the data set to have images, but got none"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize("index", [[30, 31], [29, 30], [32, 32], [30, 40]])
def test_labels_of_wrong_images_are_refused(index):
    sampler = make(1, 2, unlabeled=3)
    with pytest.raises(ValueError, match="one label for each image index from 30 to 32"):
        sampler.set_labels(index, [0] * (1 + (index == [30, 31])) + [1], 0)


def test_raises_on_another_batch_size_of_the_dataloader():
    sampler = make(3, 4)
    sampler.check_batch_size(12)
    with pytest.raises(ValueError, match="got 16. Set train_dataloader.batch_size=12"):
        sampler.check_batch_size(16)
