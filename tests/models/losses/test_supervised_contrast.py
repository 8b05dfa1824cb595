# SPDX-License-Identifier: Apache-2.0
"""The supervised contrastive loss against its equation, entry by entry."""

import torch
import torch.nn.functional as F

from rankseg.models.losses import supervised_contrast

LABELS = torch.tensor([0, 1, 1, 2, 0, 0, 3])
TARGET = torch.tensor([1, 0, 4, 2])
VALID = torch.tensor([True, True, True, True, True, False, True])


def draw():
    generator = torch.Generator().manual_seed(0)
    online, entries = (torch.randn(n, 5, generator=generator) for n in (4, 7))
    online, entries = (F.normalize(x, dim=1) for x in (online, entries))
    return online.requires_grad_(), entries, TARGET[:, None] == LABELS


def reference(online, entries, positive, valid, temperature):
    rows = []
    for v, chosen in zip(online.double(), positive, strict=True):
        used = [a for a in range(len(entries)) if valid[a]]
        total = sum(torch.exp(v @ entries[a].double() / temperature) for a in used)
        terms = [
            -torch.log(torch.exp(v @ entries[a].double() / temperature) / total)
            for a in used
            if chosen[a]
        ]
        rows.append(sum(terms) / len(terms) if terms else 0 * v.sum())
    return torch.stack(rows)


def test_values_and_gradients_equal_the_equation():
    online, entries, positive = draw()
    found = supervised_contrast(online, entries, positive, VALID, 0.1)
    wanted = reference(online, entries, positive, VALID, 0.1)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)
    assert found[2] == 0, "no entry has this class"
    grads = [torch.autograd.grad(rows.sum(), online)[0] for rows in (found, wanted)]
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5)


def test_entries_that_are_not_valid_do_not_matter():
    online, entries, positive = draw()
    found = supervised_contrast(online, entries, positive, VALID, 0.1)
    changed = entries.clone()
    changed[5] = -changed[5]
    torch.testing.assert_close(supervised_contrast(online, changed, positive, VALID, 0.1), found)


def test_does_not_depend_on_the_order_of_the_entries():
    online, entries, positive = draw()
    order = torch.tensor([4, 2, 6, 0, 5, 1, 3])
    found = supervised_contrast(online, entries[order], positive[:, order], VALID[order], 0.1)
    torch.testing.assert_close(found, supervised_contrast(online, entries, positive, VALID, 0.1))


def test_nothing_valid_gives_zero():
    online, entries, positive = draw()
    rows = supervised_contrast(online, entries, positive, torch.zeros(7, dtype=torch.bool), 0.1)
    assert rows.eq(0).all()
    assert torch.autograd.grad(rows.sum(), online)[0].eq(0).all()
