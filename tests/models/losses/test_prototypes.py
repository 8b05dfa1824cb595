# SPDX-License-Identifier: Apache-2.0
"""The loss of prototypical networks against its equations, class by class."""

import torch

from rankseg.models.losses import prototype_loss

LABELS = torch.tensor([0, 1, 1, -1, 0, 3])
TARGET = torch.tensor([1, 0, 2, -1, 3])  # class 2 has no entry


def draw():
    generator = torch.Generator().manual_seed(0)
    online, entries = (torch.randn(n, 4, generator=generator) for n in (5, 6))
    return online.requires_grad_(), entries


def reference(online, entries, temperature):
    members = {k: [z for z, y in zip(entries.double(), LABELS, strict=True) if y == k]
               for k in range(4)}  # fmt: skip
    centers = {k: sum(some) / len(some) for k, some in members.items() if some}
    rows = []
    for v, y in zip(online.double(), TARGET.tolist(), strict=True):
        if y not in centers:
            rows.append(0 * v.sum())
            continue
        weight = {k: torch.exp(-((v - c) ** 2).sum() / temperature) for k, c in centers.items()}
        rows.append(-torch.log(weight[y] / sum(weight.values())))
    return torch.stack(rows)


def test_values_and_gradients_equal_the_equations():
    online, entries = draw()
    found = prototype_loss(online, entries, LABELS, TARGET, 4, 2.0)
    wanted = reference(online, entries, 2.0)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)
    assert found[2] == 0 and found[3] == 0
    grads = [torch.autograd.grad(rows.sum(), online)[0] for rows in (found, wanted)]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5)
    assert grads[0].isfinite().all()


def test_does_not_depend_on_a_shift_of_all_embeddings():
    online, entries = draw()
    found = prototype_loss(online, entries, LABELS, TARGET, 4)
    shifted = prototype_loss(online + 3, entries + 3, LABELS, TARGET, 4)
    torch.testing.assert_close(shifted, found, rtol=1e-3, atol=1e-4)


def test_an_empty_memory_gives_zero():
    online, entries = draw()
    rows = prototype_loss(online, entries, torch.full((6,), -1), TARGET, 4)
    assert rows.eq(0).all()
    assert torch.autograd.grad(rows.sum(), online)[0].eq(0).all()
