# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbors and linear probes against slow loops."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from rankseg.evaluation import knn_classify
from rankseg.evaluation.features import draw_share, linear_probe, standardize, top_shares


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
        (4, None, "k to be 1 to 3, the number of labeled images, but got 4"),
        (0, None, "k to be .* but got 0"),
        (1, 0.0, "temperature to be above 0, .* but got 0.0"),
    ],
)
def test_raises_on_bad_k_or_temperature(k, temperature, message):
    with pytest.raises(ValueError, match=message):
        knn_classify(torch.eye(3), torch.arange(3), torch.eye(3), k, temperature)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_no_numbers_are_refused(value):
    good, bad = torch.randn(4, 3), torch.randn(5, 3)
    bad[2, 1] = value
    labels = torch.tensor([0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match="features of 1 of 5 labeled images are NaN or infinite"):
        knn_classify(bad, labels, good, 1)
    with pytest.raises(ValueError, match="features of 1 of 5 queries are NaN or infinite"):
        knn_classify(good, labels[:4], bad, 1)


def test_features_of_length_zero_and_no_query():
    bank, labels = torch.zeros(3, 2), torch.tensor([2, 2, 0])
    assert knn_classify(bank, labels, torch.zeros(2, 2), 3).tolist() == [2, 2]
    assert knn_classify(bank, labels, torch.zeros(0, 2), 1).shape == (0,)
    assert set(knn_classify(torch.randn(3, 2), labels, torch.randn(9, 2), 1).tolist()) <= {0, 2}


def blobs(count=60, classes=3, size=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(count) % classes
    centres = 2 * torch.randn(classes, size, generator=generator)
    return centres[label] + torch.randn(count, size, generator=generator), label


def slow_probe(feature, label, query, classes, steps, lr, momentum, decay, batch, seed):
    """SGD with the gradient of softmax regression written out, in float64."""
    rows = [[float(x) for x in row] for row in feature]
    w = np.zeros((classes, len(rows[0]) + 1))
    speed, generator = np.zeros_like(w), torch.Generator().manual_seed(seed)
    per_pass = math.ceil(len(rows) / batch)
    for step in range(steps):
        if step % per_pass == 0:
            order = torch.randperm(len(rows), generator=generator).tolist()
        some = order[(step % per_pass) * batch : (step % per_pass + 1) * batch]
        gradient = decay * w
        for i in some:
            x = np.array([*rows[i], 1.0])
            p = np.exp(w @ x - (w @ x).max())
            p /= p.sum()
            p[label[i]] -= 1
            gradient = gradient + np.outer(p, x) / len(some)
        speed = momentum * speed + gradient
        rate = lr * 0.1 ** ((step >= steps * 3 // 8) + (step >= steps * 6 // 8))
        w = w - rate * speed
    return np.array([w @ np.array([*map(float, row), 1.0]) for row in query])


@pytest.mark.parametrize("batch", [7, 20, 256])
def test_against_written_out_sgd(batch):
    feature, label = blobs(20)
    query, _ = blobs(6, seed=1)
    options = dict(lr=0.05, momentum=0.8, weight_decay=0.01, seed=3)
    found = linear_probe(
        feature, label, query, 3, epochs=4, least_steps=10, batch_size=batch, **options
    )
    near, far = standardize(feature, query)
    steps = max(4 * math.ceil(20 / batch), 10)
    wanted = slow_probe(near, label.tolist(), far, 3, steps, 0.05, 0.8, 0.01, batch, 3)
    assert np.allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_comes_to_the_optimum():
    feature, label = blobs(300, classes=4)
    query, truth = blobs(200, classes=4)
    found = linear_probe(
        feature, label, query, 4, lr=0.3, weight_decay=1e-2, batch_size=300, least_steps=2000
    )
    near, far = (part.numpy() for part in standardize(feature, query))
    best = LogisticRegression(C=1 / (1e-2 * 300), tol=1e-8, max_iter=1000).fit(near, label)
    agree = (found.argmax(1).numpy() == best.predict(far)).mean()
    assert agree >= 0.99
    assert (found.argmax(1) == truth).float().mean() > 0.9


def test_standardised_by_hand():
    feature = torch.tensor([[3.0, 4.0, 0.0], [0.0, 2.0, 0.0]])
    other = torch.tensor([[5.0, 0.0, 0.0]])
    near, far = standardize(feature, other)
    # of length 1: (0.6, 0.8, 0), (0, 1, 0); means 0.3, 0.9; deviations 0.3, 0.1
    assert torch.allclose(near, torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]]), atol=1e-5)
    assert torch.allclose(far, torch.tensor([[(1 - 0.3) / 0.3, -9.0, 0.0]]), atol=1e-4)


def test_scale_does_not_matter_and_no_random_number_is_taken():
    feature, label = blobs()
    query, _ = blobs(9, seed=1)
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    found = linear_probe(feature, label, query, 3, least_steps=50, epochs=1)
    assert torch.equal(torch.rand(3), wanted)
    again = linear_probe(7 * feature, label, query * 0.1, 3, least_steps=50, epochs=1)
    assert torch.allclose(found, again, atol=1e-4)


def test_one_image_and_constant_channels():
    feature = torch.ones(1, 4)
    found = linear_probe(feature, torch.tensor([1]), torch.ones(2, 4), 3, least_steps=20, epochs=1)
    assert found.argmax(1).tolist() == [1, 1] and found.isfinite().all()


def test_raises_on_features_that_cannot_be_probed():
    feature, label = blobs(6)
    with pytest.raises(ValueError, match="at least one labeled image for a linear probe"):
        linear_probe(feature[:0], label[:0], feature, 3)
    bad = feature.clone()
    bad[2, 1] = float("nan")
    with pytest.raises(ValueError, match="features of 1 of 6 labeled images are NaN or infinite"):
        linear_probe(bad, label, feature, 3)
    with pytest.raises(ValueError, match="features of 1 of 6 queries are NaN or infinite"):
        linear_probe(feature, label, bad, 3)


@pytest.mark.parametrize(
    ("share", "leave", "counts"),
    [(0.1, 0, [1, 1, 1]), (0.5, 0, [5, 2, 1]), (1.0, 0, [10, 4, 1]), (1.0, 1, [9, 3, 0])],
)
def test_draw_share(share, leave, counts):
    label = np.array([0] * 10 + [1] * 4 + [3])
    found = draw_share(label, share, seed=2, leave=leave)
    assert [int((label[found] == k).sum()) for k in (0, 1, 3)] == counts
    assert found.tolist() == sorted(set(found.tolist()))
    assert found.tolist() == draw_share(label, share, seed=2, leave=leave).tolist()
    if share == 0.5:
        assert any(draw_share(label, share, seed).tolist() != found.tolist() for seed in range(9))


def test_top_shares():
    logits = torch.tensor([[6.0, 5, 4, 3, 2, 1], [6.0, 5, 4, 3, 2, 1], [6.0, 5, 4, 3, 2, 1]])
    assert top_shares(logits, torch.tensor([0, 4, 5])) == {"top1": 33.33, "top5": 66.67}
    assert top_shares(logits[:, :5], torch.tensor([0, 4, 4])) == {"top1": 33.33}
