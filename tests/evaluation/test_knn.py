# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from rankseg.evaluation import knn_classify


def slow(bank, labels, query, k, temperature, num_classes):
    """Votes counted in plain Python."""

    def cosine(a, b):
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    found = []
    for one in query.tolist():
        near = sorted(((cosine(one, other), j) for j, other in enumerate(bank.tolist())))[-k:]
        votes = [(0.0, 0.0)] * num_classes
        for s, j in near:
            count, total = votes[labels[j]]
            weight = 1 if temperature is None else math.exp(s / temperature)
            votes[labels[j]] = (count + weight, total + s)
        found.append(max(range(num_classes), key=votes.__getitem__))
    return found


@pytest.mark.parametrize("k", [1, 2, 5, 30])
@pytest.mark.parametrize("temperature", [None, 0.07, 1.0])
def test_against_counting(k, temperature):
    generator = torch.Generator().manual_seed(k)
    labels = torch.randint(0, 4, (30,), generator=generator)
    bank = torch.randn(30, 6, generator=generator) + torch.eye(6)[labels]
    query = 5 * torch.randn(40, 6, generator=generator)
    found = knn_classify(bank, labels, query, k, temperature, num_classes=5, chunk=7)
    assert found.tolist() == slow(bank, labels.tolist(), query, k, temperature, 5)


def test_a_tie_goes_to_the_nearer_class():
    bank = torch.tensor([[1.0, 0.0], [1.0, 0.3], [0.0, 1.0], [-1.0, 0.2]])
    query = torch.tensor([[0.1, 1.0], [1.0, 0.1]])
    labels = torch.tensor([0, 0, 1, 1])
    assert knn_classify(bank, labels, query, 4).tolist() == [1, 0]


def test_more_votes_win_over_nearer_ones():
    bank = torch.tensor([[1.0, 0.0], [-1.0, 0.1], [-1.0, -0.1]])
    query = torch.tensor([[1.0, 0.0]])
    labels = torch.tensor([0, 1, 1])
    assert knn_classify(bank, labels, query, 3).tolist() == [1]
    assert knn_classify(bank, labels, query, 3, temperature=0.07).tolist() == [0]


def test_a_tiny_temperature_asks_the_nearest():
    generator = torch.Generator().manual_seed(0)
    bank, query = torch.randn(2, 20, 4, generator=generator)
    labels = torch.arange(20) % 3
    found = knn_classify(bank, labels, query, 20, temperature=1e-4)
    assert torch.equal(found, knn_classify(bank, labels, query, 1))


@pytest.mark.parametrize(
    ("k", "temperature", "message"),
    [
        (4, None, "k=4 neighbours among 3 labelled images: expected 1 to 3"),
        (0, None, "k=0 neighbours"),
        (1, 0.0, "temperature=0.0: expected a number above 0"),
    ],
)
def test_mistakes(k, temperature, message):
    with pytest.raises(ValueError, match=message):
        knn_classify(torch.eye(3), torch.arange(3), torch.eye(3), k, temperature)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_no_numbers_are_refused(value):
    good, bad = torch.randn(4, 3), torch.randn(5, 3)
    bad[2, 1] = value
    labels = torch.tensor([0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match="features of 1 of 5 labelled images are NaN or infinite"):
        knn_classify(bad, labels, good, 1)
    with pytest.raises(ValueError, match="features of 1 of 5 queries are NaN or infinite"):
        knn_classify(good, labels[:4], bad, 1)


def test_features_of_length_zero_and_no_query():
    bank, labels = torch.zeros(3, 2), torch.tensor([2, 2, 0])
    assert knn_classify(bank, labels, torch.zeros(2, 2), 3).tolist() == [2, 2]
    assert knn_classify(bank, labels, torch.zeros(0, 2), 1).shape == (0,)
    assert set(knn_classify(torch.randn(3, 2), labels, torch.randn(9, 2), 1).tolist()) <= {0, 2}
