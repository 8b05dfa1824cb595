# SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.engine.activation_checkpointing import turn_on_activation_checkpointing
from rankseg.registry import MODELS
from rankseg.testing.benchmark import allocated
from rankseg.testing.toy import toy_batch, toy_student

NAMES = ["student.backbone.stem", "student.backbone.layer3", "student.decode_head.fuse"]


@pytest.fixture
def model():
    init_default_scope("rankseg")
    torch.manual_seed(0)
    return MODELS.build(
        dict(type="RankMatch", student=toy_student(), threshold=0.4, rank=dict(num_agents=8))
    ).train()


def step(model, batch):
    torch.manual_seed(1)
    losses = model.loss(*batch)
    losses.pop("confident")
    sum(losses.values()).backward()


def test_same_gradients_and_statistics(model):
    other = copy.deepcopy(model)
    turn_on_activation_checkpointing(other, NAMES)
    batch = toy_batch(2, 2, 65)
    for one in (model, other):
        step(one, batch)
        step(one, batch)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine.grad, theirs.grad)
    for mine, theirs in zip(model.buffers(), other.buffers(), strict=True):
        assert torch.equal(mine, theirs)
    assert model.state_dict().keys() == other.state_dict().keys()


@pytest.mark.skipif(torch.cuda.is_available(), reason="counts the CPU's memory")
def test_less_memory(model):
    other = copy.deepcopy(model)
    layers = [f"student.backbone.layer{i}" for i in (1, 2, 3, 4)]
    turn_on_activation_checkpointing(other, [*NAMES[::2], *layers])
    batch = toy_batch(2, 2, 129)
    assert allocated(lambda: step(other, batch)) < 0.8 * allocated(lambda: step(model, batch))


def test_one_name(model):
    turn_on_activation_checkpointing(model, NAMES[0])
    assert "forgetful" not in repr(model)
    step(model, toy_batch(2, 2, 33))


def test_no_such_module(model):
    with pytest.raises(ValueError, match="no submodule 'backbone.layer3'.*start with .*student"):
        turn_on_activation_checkpointing(model, "backbone.layer3")
