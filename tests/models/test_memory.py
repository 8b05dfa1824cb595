# SPDX-License-Identifier: Apache-2.0
"""Banks and queues against loops over their definition."""

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.memory import DistributionQueue, FeatureBank


def test_bank_overwrites_and_remembers_what_was_written():
    bank = FeatureBank(4, 3)
    assert not bank.full
    feature = torch.randn(2, 3)
    bank.write(torch.tensor([2, 0]), feature, torch.tensor([7, 5]))
    torch.testing.assert_close(bank.feature[[2, 0]], F.normalize(feature))
    assert bank.label.tolist() == [5, 0, 7, 0]
    assert bank.written.tolist() == [True, False, True, False]
    bank.write(torch.tensor([1, 3]), feature, torch.tensor([1, 1]))
    assert bank.full


def test_bank_is_a_temporal_ensemble():
    bank, expected = FeatureBank(1, 3, momentum=0.7), None
    for feature in torch.randn(4, 1, 3):
        bank.write(torch.tensor([0]), feature, torch.tensor([0]))
        new = feature / feature.norm()
        expected = new if expected is None else 0.7 * expected + 0.3 * new
        expected = expected / expected.norm()
        torch.testing.assert_close(bank.feature, expected)


def test_bank_survives_in_a_checkpoint():
    bank, other = FeatureBank(2, 3, 0.7), FeatureBank(2, 3, 0.7)
    bank.write(torch.tensor([1]), torch.randn(1, 3), torch.tensor([4]))
    other.load_state_dict(bank.state_dict())
    torch.testing.assert_close(other.feature, bank.feature)
    assert other.written.tolist() == [False, True] and other.label.tolist() == [0, 4]


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_bank_refuses_momentum(momentum):
    with pytest.raises(ValueError, match=r"momentum .* expected a number in \[0, 1\)"):
        FeatureBank(2, 3, momentum)


def test_queue_divides_by_the_mean_of_the_latest_batches():
    queue, past = DistributionQueue(3, 4), []
    for _ in range(5):
        probability = torch.randn(6, 4).softmax(1)
        past = [*past, probability.mean(0)][-3:]
        wanted = probability / (sum(past) / len(past))
        wanted = wanted / wanted.sum(1, keepdim=True)
        torch.testing.assert_close(queue.align(probability), wanted)


def test_queue_with_a_class_never_predicted():
    queue = DistributionQueue(3, 3)
    aligned = queue.align(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
    assert aligned.isfinite().all()
    torch.testing.assert_close(aligned.sum(1), torch.ones(2))
