# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from rankseg.models.layers import AdaptiveThreshold


def test_follows_the_formula():
    torch.manual_seed(0)
    threshold, expected = AdaptiveThreshold(0.85, num_classes=4, momentum=0.9), 0.85
    for _ in range(5):
        label, confidence = torch.randint(0, 3, (2, 5, 6)), torch.rand(2, 5, 6)
        valid = torch.rand(2, 5, 6) < 0.5
        threshold.update(label, confidence, valid)
        best = []
        for k in range(4):
            found = [
                float(c)
                for c, one, ok in zip(
                    confidence.flatten(), label.flatten(), valid.flatten(), strict=True
                )
                if one == k and ok
            ]
            best += [max(found)] if found else []
        expected = 0.9 * expected + 0.1 * sum(best) / len(best)
        torch.testing.assert_close(float(threshold.value), expected)


def test_padding_alone_changes_nothing():
    threshold = AdaptiveThreshold(0.85, num_classes=2, momentum=0.9)
    label = torch.zeros(1, 2, 2, dtype=torch.int64)
    threshold.update(label, torch.ones(1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.bool))
    torch.testing.assert_close(threshold.value, torch.tensor(0.85))


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_raises_on_momentum_out_of_range(momentum):
    with pytest.raises(ValueError, match=f"threshold_momentum.*{momentum}"):
        AdaptiveThreshold(0.85, 2, momentum)
