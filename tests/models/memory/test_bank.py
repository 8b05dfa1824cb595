# SPDX-License-Identifier: Apache-2.0
"""Banks and queues against loops over their definition."""

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.memory.bank import DistributionQueue, FeatureBank
from rankseg.testing.processes import run_processes


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


def test_an_image_twice_in_a_batch_counts_by_the_mean_of_its_views():
    for momentum in (0.0, 0.7):
        bank = FeatureBank(3, 3, momentum)
        bank.write(torch.arange(3), torch.randn(3, 3), torch.arange(3))
        old, views = bank.feature, F.normalize(torch.randn(2, 3))
        bank.write(torch.tensor([1, 1]), 5 * views, torch.tensor([1, 1]))
        mean = F.normalize(views.sum(0), dim=0)
        wanted = F.normalize(momentum * old[1] + (1 - momentum) * mean, dim=0)
        torch.testing.assert_close(bank.feature[1], wanted)
        torch.testing.assert_close(bank.feature[[0, 2]], old[[0, 2]])


def test_bank_survives_in_a_checkpoint():
    bank, other = FeatureBank(2, 3, 0.7), FeatureBank(2, 3, 0.7)
    bank.write(torch.tensor([1]), torch.randn(1, 3), torch.tensor([4]))
    other.load_state_dict(bank.state_dict())
    torch.testing.assert_close(other.feature, bank.feature)
    assert other.written.tolist() == [False, True] and other.label.tolist() == [0, 4]


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_bank_refuses_momentum(momentum):
    with pytest.raises(ValueError, match=r"momentum .*at least 0 and below 1"):
        FeatureBank(2, 3, momentum)


def test_queue_divides_by_the_mean_of_the_latest_batches():
    queue, past = DistributionQueue(4, 4), []
    for _ in range(7):
        probability = torch.randn(6, 4).softmax(1)
        past = [*past, probability.mean(0)][-4:]
        wanted = probability / (sum(past) / len(past))
        wanted = wanted / wanted.sum(1, keepdim=True)
        torch.testing.assert_close(queue.align(probability), wanted)


def test_queue_with_a_class_never_predicted():
    queue = DistributionQueue(3, 3)
    aligned = queue.align(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
    assert aligned.isfinite().all()
    torch.testing.assert_close(aligned.sum(1), torch.ones(2))


def _remember_half() -> tuple[dict, dict, torch.Tensor]:
    rank = torch.distributed.get_rank()
    torch.manual_seed(0)
    feature, probability = torch.randn(4, 3), torch.randn(4, 5).softmax(1)
    mine = slice(2 * rank, 2 * rank + 2)
    bank, queue = FeatureBank(4, 3), DistributionQueue(2, 5)
    bank.write(torch.arange(4)[mine], feature[mine], torch.arange(4)[mine])
    aligned = queue.align(probability[mine])
    return dict(bank.state_dict()), dict(queue.state_dict()), aligned


def test_two_processes_remember_what_one_would():
    found = run_processes(2, _remember_half)
    torch.manual_seed(0)
    feature, probability = torch.randn(4, 3), torch.randn(4, 5).softmax(1)
    bank, queue = FeatureBank(4, 3), DistributionQueue(2, 5)
    bank.write(torch.arange(4), feature, torch.arange(4))
    aligned = queue.align(probability)
    for rank, (banks, queues, part) in enumerate(found):
        torch.testing.assert_close(banks, dict(bank.state_dict()))
        torch.testing.assert_close(queues, dict(queue.state_dict()))
        torch.testing.assert_close(part, aligned[2 * rank : 2 * rank + 2])
