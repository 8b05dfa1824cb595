# SPDX-License-Identifier: Apache-2.0
"""The probe against plain loops, and against the optimum that it should come near."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from rankseg.evaluation.linear_probe import draw_share, linear_probe, standardise, top_shares


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
    near, far = standardise(feature, query)
    steps = max(4 * math.ceil(20 / batch), 10)
    wanted = slow_probe(near, label.tolist(), far, 3, steps, 0.05, 0.8, 0.01, batch, 3)
    assert np.allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_comes_to_the_optimum():
    feature, label = blobs(300, classes=4)
    query, truth = blobs(200, classes=4)
    found = linear_probe(
        feature, label, query, 4, lr=0.3, weight_decay=1e-2, batch_size=300, least_steps=2000
    )
    near, far = (part.numpy() for part in standardise(feature, query))
    best = LogisticRegression(C=1 / (1e-2 * 300), tol=1e-8, max_iter=1000).fit(near, label)
    agree = (found.argmax(1).numpy() == best.predict(far)).mean()
    assert agree >= 0.99
    assert (found.argmax(1) == truth).float().mean() > 0.9


def test_standardised_by_hand():
    feature = torch.tensor([[3.0, 4.0, 0.0], [0.0, 2.0, 0.0]])
    other = torch.tensor([[5.0, 0.0, 0.0]])
    near, far = standardise(feature, other)
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


def test_mistakes():
    feature, label = blobs(6)
    with pytest.raises(ValueError, match="no labelled image: expected at least one"):
        linear_probe(feature[:0], label[:0], feature, 3)
    bad = feature.clone()
    bad[2, 1] = float("nan")
    with pytest.raises(ValueError, match="features of 1 of 6 labelled images are NaN or infinite"):
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
