# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from mmseg.models.losses import CrossEntropyLoss, DiceLoss

from rankseg.models.losses import counting
from rankseg.models.losses.counting import which_count

WEIGHTS = [0.5, 2.0, 1.0]


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("ignored", ["none", "some", "all"])
def test_cross_entropy_is_that_of_torch(weights, ignored):
    logits = torch.randn(2, 3, 5, 5, requires_grad=True)
    label = torch.randint(0, 3, (2, 5, 5))
    label[:, : {"none": 0, "some": 2, "all": 5}[ignored]] = 255
    loss = CrossEntropyLoss(avg_non_ignore=True, class_weight=weights)
    found = loss(logits, label, **which_count(loss, label, 255))
    (gradient,) = torch.autograd.grad(found, logits)
    if ignored == "all":  # torch's is NaN
        assert found == 0 and not gradient.any()
        return
    weight = None if weights is None else torch.tensor(weights)
    expected = F.cross_entropy(logits, label, weight, ignore_index=255)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits)[0])


def test_other_losses_divide_as_they_do():
    label = torch.zeros(1, 2, 2, dtype=torch.long)
    for loss in (DiceLoss(), CrossEntropyLoss(use_sigmoid=True, avg_non_ignore=True)):
        assert which_count(loss, label, 255) == {"ignore_index": 255}


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_one_process_can_count_alone(monkeypatch, weights):
    """The main process computes losses in its checks while the others wait for it."""

    def wait(*args, **kwargs):
        raise AssertionError("waits for the other processes")

    monkeypatch.setattr(counting, "get_world_size", lambda: 2)
    monkeypatch.setattr(counting, "all_reduce", wait)
    label = torch.tensor([[[0, 1], [1, 255]]])
    loss = CrossEntropyLoss(avg_non_ignore=True, class_weight=weights)
    with counting.counting_alone():
        factor = which_count(loss, label, 255)["avg_factor"]
    assert factor == (3 if weights is None else 4.5)
    with pytest.raises(AssertionError, match="waits"):
        which_count(loss, label, 255)
