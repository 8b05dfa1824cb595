# SPDX-License-Identifier: Apache-2.0
import random

import numpy as np
import pytest
import torch
from torch import nn

from rankseg.models.segmentors.dry_run import probe_size, try_out, weightless


class ReadsAValue(nn.Module):
    """Runs only where there are values."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))

    def forward(self, images):
        return self.body(images) * self.body[0].weight.sum().item()


class Plain(ReadsAValue):
    def forward(self, images):
        return self.body(images)


def drawn():
    return random.random(), np.random.rand(), torch.rand(()).item()


@pytest.mark.parametrize(("network", "values"), [(Plain(), False), (ReadsAValue(), True)])
def test_a_pass_leaves_no_trace(network, values):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.body[1].eval()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    wanted = drawn()
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])

    output = try_out(lambda copied, images: copied(images), network, (5, 7), 2, training=True)

    assert output.shape == (2, 4, 5, 7) and output.is_meta is not values
    assert drawn() == wanted
    after = network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert network.training and not network.body[1].training


def test_a_network_that_reads_values_may_be_left_out():
    with pytest.raises(RuntimeError, match="item"):
        try_out(lambda copied, images: copied(images), ReadsAValue(), (5, 7), full=False)


def test_what_the_full_copy_raises_is_told():
    with pytest.raises(RuntimeError, match="3 channels, but got 4"):
        try_out(lambda copied, images: copied(images[:, [0, 0, 0, 0]]), ReadsAValue(), (5, 7))


def test_no_batch_norm_is_computed_without_values(monkeypatch):
    monkeypatch.setattr(torch, "batch_norm", lambda *args: pytest.fail("computed"))
    for training in (False, True):
        output = try_out(lambda copied, images: copied(images), Plain(), (5, 7), 1, training, False)
        assert output.shape == (1, 4, 5, 7) and output.is_meta


@pytest.mark.parametrize(
    ("norm", "size", "match"),
    [
        (nn.BatchNorm2d(4), (5, 7), "running_mean should contain 3 elements not 4"),
        (nn.BatchNorm2d(4, track_running_stats=False), (5, 7), "weight .* 3 elements"),
        (nn.BatchNorm2d(3), (1, 1), "more than 1 value per channel"),
    ],
)
def test_what_a_batch_norm_raises_is_told(norm, size, match):
    with pytest.raises((RuntimeError, ValueError), match=match):
        try_out(lambda copied, images: copied(images), norm, size, training=True)


def test_other_processes_take_no_part():
    modes = []
    network = nn.Sequential(nn.SyncBatchNorm(3), nn.BatchNorm2d(3))

    def run(copied, images):
        modes.extend(module.training for module in copied)

    try_out(run, network, (4, 4), training=True)
    assert modes == [False, True]


def test_a_weightless_copy_shares_what_the_module_shares():
    network = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    network["b"].weight = network["a"].weight
    network["b"].bias.requires_grad_(False)
    copied = weightless(network)
    assert copied["b"].weight is copied["a"].weight and copied["a"].weight.is_meta
    assert not copied["b"].bias.requires_grad and not network["a"].weight.is_meta


def test_size_of_a_probe():
    network = nn.Module()
    network.backbone = nn.Identity()
    assert probe_size(network) == (64, 64)
    network.backbone.img_size = 224
    assert probe_size(network) == (224, 224)
    network.backbone.img_size = (32, 48)
    assert probe_size(network) == (32, 48)
