# SPDX-License-Identifier: Apache-2.0
import copy
import pickle

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn
from torch.optim.swa_utils import AveragedModel

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


@pytest.mark.parametrize("make", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_uses_its_own_weights(make):
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), nn.Linear(3, 1))
    names = [*model.state_dict()]
    shown, kind = repr(model), type(model[0])
    for _ in range(2):  # the second time changes nothing
        turn_on_activation_checkpointing(model, ["0", "1"])
    twin = make(model)
    assert isinstance(twin[0], kind) and [*twin.state_dict()] == names and repr(twin) == shown
    images = torch.randn(4, 2)
    with torch.no_grad():
        twin[0][0].weight.zero_()
        twin[1].weight.fill_(1)
    assert not torch.equal(model(images), twin(images))
    torch.testing.assert_close(twin(images), twin[1].bias.expand(4, 1))
    twin(images).sum().backward()
    assert all(parameter.grad is not None for parameter in twin.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert twin[0][1].num_batches_tracked == 3 and model[0][1].num_batches_tracked == 1


def test_an_average_of_the_weights(model):
    turn_on_activation_checkpointing(model, NAMES)
    averaged = AveragedModel(model)
    for parameter in model.parameters():
        parameter.data.zero_()
    image = torch.randn(1, 3, 33, 33)
    averaged.eval(), model.eval()
    assert not torch.equal(*(m(image, mode="tensor") for m in (averaged, model)))


def test_no_such_module(model):
    with pytest.raises(ValueError, match="got 'backbone.layer3'.*start with .*student"):
        turn_on_activation_checkpointing(model, "backbone.layer3")
