# SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch
from mmengine.config import Config
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from rankseg.engine.fused import prepare, use_fused


@pytest.mark.parametrize(
    ("optimizer", "fused"),
    [
        (dict(type="SGD", lr=0.1), True),
        (dict(type="AdamW", lr=0.1), True),
        (dict(type="SGD", lr=0.1, fused=False), False),
        (dict(type="SGD", lr=0.1, foreach=True), None),  # torch takes one of the two
        (dict(type="SGD", lr=0.1, momentum=0.9, dampening=0.5), None),
        (dict(type="Lion", lr=0.1), None),
        (None, None),
    ],
)
def test_torchs_own_optimizers_unless_told_otherwise(optimizer, fused):
    cfg = Config(dict(optim_wrapper=dict(type="OptimWrapper", optimizer=optimizer)))
    use_fused(cfg)
    assert (cfg.optim_wrapper.optimizer or {}).get("fused") is fused


def test_without_an_optimizer():
    use_fused(Config(dict()))


IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
OPTIMIZERS = {
    "SGD": (SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.01)),
    "Nesterov": (SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    "Adam": (Adam, dict(lr=0.01)),
    "AdamW": (AdamW, dict(lr=0.01, amsgrad=True)),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))


def make(name: str, model: nn.Module, fused: bool) -> Optimizer:
    kind, options = OPTIMIZERS[name]
    optimizer = kind(model.parameters(), fused=fused, **options)
    prepare(optimizer)
    return optimizer


def take_steps(model: nn.Module, optimizer: Optimizer, number: int = 2) -> None:
    for _ in range(number):
        optimizer.zero_grad()
        model(IMAGES.to(memory_format=torch.channels_last)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("before", [torch.contiguous_format, torch.channels_last])
def test_resumes_with_another_layout_and_other_kernels(name, before):
    after = torch.contiguous_format if before == torch.channels_last else torch.channels_last
    reference = network()
    take_steps(reference, make(name, reference, fused=False), number=4)

    first = network().to(memory_format=before)
    optimizer = make(name, first, fused=False)
    take_steps(first, optimizer)
    saved = copy.deepcopy(optimizer.state_dict())
    second = network().to(memory_format=after)
    second.load_state_dict(first.state_dict())
    optimizer = make(name, second, fused=True)
    optimizer.load_state_dict(saved)
    assert [group["fused"] for group in optimizer.param_groups] == [True]
    for parameter, state in optimizer.state.items():
        for value in state.values():
            assert value.shape != parameter.shape or value.stride() == parameter.stride()
    take_steps(second, optimizer)
    for one, other in zip(second.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_checkpoint_of_a_gpu_leaves_the_kernels_of_a_cpu_alone():
    model = network()
    take_steps(model, optimizer := make("SGD", model, fused=True))
    other = make("SGD", network(), fused=False)
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["fused"] is False
    assert optimizer.state_dict()["param_groups"][0]["fused"] is True  # not changed in place


@pytest.mark.parametrize("name", ["SGD", "Nesterov"])
def test_a_gradient_that_comes_late(name):
    ends = []
    for fused in (True, False):
        model = network()
        optimizer = make(name, model, fused)
        for step in range(4):
            optimizer.zero_grad()
            output = model[0](IMAGES) if step < 2 else model(IMAGES)
            output.square().mean().backward()
            optimizer.step()
        ends.append([parameter.detach() for parameter in model.parameters()])
    for one, other in zip(*ends, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_the_first_step_finds_no_state():
    # with state, the device would decide whether to skip a step that creates the momentum
    optimizer, sizes = make("SGD", model := network(), fused=True), []
    optimizer.register_step_pre_hook(lambda optimizer, *_: sizes.append(len(optimizer.state)))
    take_steps(model, optimizer)
    assert sizes == [0, 4]
