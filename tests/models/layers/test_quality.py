# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from rankseg.models.layers import PseudoLabelQuality
from rankseg.models.layers.quality import classes_in


@pytest.mark.parametrize(
    ("label", "where", "wanted"),
    [
        ([0, 2, 2, 0], [1, 1, 1, 1], [True, False, True]),
        ([0, 2, 1, 0], [1, 0, 0, 1], [True, False, False]),
        ([-100, 255, 3, 1], [1, 1, 1, 0], [False, False, False]),
    ],
)
def test_classes_in(label, where, wanted):
    label, where = torch.tensor(label).view(1, 2, 2), torch.tensor(where).bool().view(1, 2, 2)
    assert classes_in(label, where, 3).tolist() == wanted


def slow(batches: list, num_classes: int) -> dict:
    """The same by counting one by one."""
    rows = [
        (label, confident, -1 if truth is None else truth[i])
        for labels, confidents, truth in batches
        for i, (label, confident) in enumerate(zip(labels, confidents, strict=True))
        if 0 <= label < num_classes
    ]
    sure = [row for row in rows if row[1]]
    known = [row for row in rows if 0 <= row[2] < num_classes]
    known_sure = [row for row in known if row[1]]

    def percent(part, whole):
        return 100 * len(part) / len(whole) if whole else None

    def share(values):
        return [100 * values.count(k) / len(values) for k in range(num_classes)] if values else None

    return {
        "count": len(rows),
        "confident": percent(sure, rows),
        "accuracy": percent([row for row in known if row[0] == row[2]], known),
        "confident_accuracy": percent([row for row in known_sure if row[0] == row[2]], known_sure),
        "labels": share([row[0] for row in sure]),
        "truth": share([row[2] for row in known]),
    }


def batch(generator: torch.Generator, with_truth: bool = True) -> tuple:
    label = torch.randint(0, 4, (40,), generator=generator)
    label[::7] = 255
    confident = torch.rand(40, generator=generator) < 0.6
    truth = torch.where(torch.rand(40, generator=generator) < 0.5, label, 1)
    truth[::5], truth[1::5] = 255, -100
    return label, confident, truth if with_truth else None


def test_against_counting_one_by_one():
    generator = torch.Generator().manual_seed(0)
    batches = [batch(generator), batch(generator), batch(generator, with_truth=False)]
    quality = PseudoLabelQuality(4)
    for label, confident, truth in batches:
        shape = (10, 2, 2)
        truth_map = None if truth is None else truth.view(shape)
        quality.update(label.view(shape), confident.view(shape), truth_map)
    found = quality.compute()
    lists = [(a.tolist(), b.tolist(), None if c is None else c.tolist()) for a, b, c in batches]
    expected = slow(lists, 4)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value), key


def test_what_cannot_be_said_is_none():
    quality = PseudoLabelQuality(3)
    assert quality.compute() == {
        "count": 0,
        "confident": None,
        "accuracy": None,
        "confident_accuracy": None,
        "labels": None,
        "truth": None,
    }
    quality.update(torch.tensor([[[1]]]), torch.tensor([[[False]]]))
    found = quality.compute()
    assert found["confident"] == 0 and found["labels"] is None and found["accuracy"] is None


def test_counts_are_saved_and_reset():
    quality = PseudoLabelQuality(3)
    quality.update(torch.tensor([[[1]]]), torch.tensor([[[True]]]), torch.tensor([[[1]]]))
    other = PseudoLabelQuality(3)
    other.load_state_dict(quality.state_dict())
    assert other.compute() == quality.compute()
    quality.reset()
    assert quality.compute()["count"] == 0 and other.compute()["count"] == 1
