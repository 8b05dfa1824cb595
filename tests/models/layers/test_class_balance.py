# SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch

from rankseg.models.layers import ClassThreshold, DistributionAlignment
from rankseg.models.layers.class_balance import RunningShares


def test_shares_start_without_bias():
    shares = RunningShares(2, momentum=0.1)
    assert shares.shares().tolist() == [0.5, 0.5]
    shares.update(torch.tensor([30.0, 10.0]))
    torch.testing.assert_close(shares.shares(), torch.tensor([0.75, 0.25]))
    shares.update(torch.tensor([0.0, 0.0]))  # a batch of padding
    torch.testing.assert_close(shares.shares(), torch.tensor([0.75, 0.25]))
    shares.update(torch.tensor([0.0, 7.0]))
    old, new = 0.1 * 0.9, 0.1
    expected = torch.tensor([0.75 * old, 0.25 * old + new]) / (old + new)
    torch.testing.assert_close(shares.shares(), expected)


def test_alignment_gives_the_mean_of_the_labels():
    align = DistributionAlignment(2)
    align.count_labels(torch.tensor([[0, 0, 0, 1], [255, 255, -100, 2]]))
    # predictions that differ little, so that scaling them scales their mean
    probability = torch.tensor([0.9, 0.1])[None, :, None, None].expand(1, 2, 4, 4).clone()
    valid = torch.ones(1, 4, 4, dtype=torch.bool)
    valid[..., 2:] = False
    probability[..., 2:] = torch.tensor([0.0, 1.0])[:, None, None]  # padding must not count
    aligned = align(probability, valid)
    torch.testing.assert_close(aligned[0, :, 0, 0], torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(aligned.sum(1), torch.ones(1, 4, 4))


def test_alignment_by_label_moves_the_labels_of_a_network_that_is_sure():
    rng = torch.Generator().manual_seed(0)
    # 10% are predicted as foreground; most pixels are far from 0.5
    foreground = torch.sigmoid(4 * torch.randn(4, 50, 50, generator=rng) - 5.1)
    probability = torch.stack((1 - foreground, foreground), 1)
    valid = torch.ones(4, 50, 50, dtype=torch.bool)
    found = {}
    for by in ("probability", "label"):
        align = DistributionAlignment(2, by)
        for _ in range(200):
            align.count_labels(torch.tensor([0, 0, 0, 0, 1]))
            aligned = align(probability, valid)
        found[by] = aligned.argmax(1).float().mean()
        torch.testing.assert_close(aligned.sum(1), torch.ones(4, 50, 50))
    assert abs(found["label"] - 0.2) < 0.01
    assert (foreground > 0.5).float().mean() < found["probability"] < 0.17


def test_alignment_has_a_limit():
    align = DistributionAlignment(2, "label", limit=2.0)
    probability = torch.tensor([0.999, 0.001])[None, :, None, None].expand(1, 2, 3, 3)
    for _ in range(100):
        align.count_labels(torch.tensor([1]))
        aligned = align(probability, torch.ones(1, 3, 3, dtype=torch.bool))
    odds = aligned[0, 1, 0, 0] / aligned[0, 0, 0, 0] / (0.001 / 0.999)
    torch.testing.assert_close(odds, torch.tensor(4.0))  # twice the one, half the other


def test_threshold_keeps_the_same_share_of_each_class():
    rng = torch.Generator().manual_seed(0)
    label = (torch.rand(4, 50, 50, generator=rng) < 0.2).long()
    confidence = torch.rand(4, 50, 50, generator=rng)
    confidence = torch.where(label == 1, 0.5 + 0.2 * confidence, 0.9 + 0.1 * confidence)
    valid = torch.ones_like(label, dtype=torch.bool)
    valid[0] = False
    confidence[0] = 0.5  # must not count
    threshold = ClassThreshold(3, share=0.8)
    for _ in range(3):
        threshold.update(label, confidence, valid)
    found = threshold.thresholds()
    for k in (0, 1):
        values = confidence[1:][label[1:] == k].numpy()
        assert abs(found[k] - np.quantile(values, 0.2)) < 0.01
        assert (values >= float(found[k])).mean() >= 0.8
    assert found[2] == 0  # never predicted


def test_threshold_follows_the_training():
    threshold = ClassThreshold(1, share=1.0)
    label, valid = torch.zeros(1, 10, 10, dtype=torch.long), torch.ones(1, 10, 10, dtype=torch.bool)
    for value in (0.2, 0.9):
        for _ in range(400):
            threshold.update(label, torch.full((1, 10, 10), value), valid)
        share = threshold.histogram[0] / threshold.histogram.sum()
        assert share[int(value * 200)] > 0.99
