# SPDX-License-Identifier: Apache-2.0
import pytest
from torch.utils.data import DataLoader

from rankseg.datasets.samplers.labeled_unlabeled import LabeledUnlabeledSampler
from rankseg.engine.loops import PassTrainLoop


class Data(list):
    """Ten images, two of them labeled."""

    num_labeled, num_unlabeled, metainfo = 2, 8, {}


class Runner:
    """As much of a runner as the loop's constructor touches."""

    visualizer = type("Visualizer", (), {})()


@pytest.fixture
def loader():
    data = Data(range(10))
    return DataLoader(data, batch_size=3, sampler=LabeledUnlabeledSampler(data, 1, 2, seed=0))


def test_length_in_passes_over_the_unlabeled(loader):
    loop = PassTrainLoop(Runner(), loader, max_epochs=5, val_epochs=2)
    assert (loop.max_iters, loop.val_interval) == (5 * 4, 2 * 4)


def test_validation_more_often_than_once_a_pass(loader):
    assert PassTrainLoop(Runner(), loader, max_epochs=5, val_epochs=0.5).val_interval == 2


def test_length_in_iterations(loader):
    loop = PassTrainLoop(Runner(), loader, max_iters=7, val_interval=3)
    assert (loop.max_iters, loop.val_interval) == (7, 3)


@pytest.mark.parametrize("length", [{}, dict(max_epochs=1, max_iters=1)])
def test_length_must_be_given_once(loader, length):
    with pytest.raises(ValueError, match="either max_epochs"):
        PassTrainLoop(Runner(), loader, **length)
