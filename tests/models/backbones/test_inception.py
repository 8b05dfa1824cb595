# SPDX-License-Identifier: Apache-2.0
"""GoogLeNet and BN-Inception against plain tensor operations on weights of the released names."""

import re

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.backbones import BNInception, GoogLeNet
from rankseg.models.weights.pretrained import load_backbone, read_backbone

CLASSIFIER = 1024 * 1000 + 1000
PUBLISHED = {GoogLeNet: 6_624_904, BNInception: 11_295_240}


def randomise(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif value.is_floating_point():
            value.normal_(std=0.5 if value.ndim == 1 else (2 / value[0].numel()) ** 0.5)
    return network


@pytest.fixture(scope="module", params=[GoogLeNet, BNInception])
def network(request):
    return randomise(request.param()).eval()


def google_reference(state: dict, x: torch.Tensor) -> list[torch.Tensor]:
    """torchvision's GoogLeNet, by the names of its file."""

    def unit(x, name, stride=1):
        weight = state[f"{name}.conv.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        bn = [state[f"{name}.bn.{of}"] for of in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *bn, eps=1e-3).clamp(min=0)

    def block(x, name):
        second = unit(unit(x, f"{name}.branch2.0"), f"{name}.branch2.1")
        third = unit(unit(x, f"{name}.branch3.0"), f"{name}.branch3.1")
        pooled = unit(F.max_pool2d(x, 3, 1, 1), f"{name}.branch4.1")
        return torch.cat([unit(x, f"{name}.branch1"), second, third, pooled], 1)

    def halve(x, size=3):
        return F.max_pool2d(x, size, 2, ceil_mode=True)

    maps = []
    x = halve(unit(x, "conv1", stride=2))
    maps.append(unit(unit(x, "conv2"), "conv3"))
    x = halve(maps[-1])
    for stage, (letters, size) in enumerate((("ab", 3), ("abcde", 2), ("ab", None)), start=3):
        for letter in letters:
            x = block(x, f"inception{stage}{letter}")
        maps.append(x)
        x = x if size is None else halve(x, size)
    return maps


def caffe_reference(state: dict, x: torch.Tensor) -> list[torch.Tensor]:
    """The network of Cadene's file, which is flat and takes B, G, R."""

    def unit(x, name, stride=1):
        weight = state[f"{name}.weight"]
        x = F.conv2d(x, weight, state[f"{name}.bias"], stride, padding=weight.shape[-1] // 2)
        of = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}_bn.{part}"] for part in of), eps=1e-5).relu()

    def block(x, name, pool, stride=1):
        parts = [unit(x, f"{name}_1x1")] if stride == 1 else []
        parts.append(unit(unit(x, f"{name}_3x3_reduce"), f"{name}_3x3", stride))
        double = unit(unit(x, f"{name}_double_3x3_reduce"), f"{name}_double_3x3_1")
        parts.append(unit(double, f"{name}_double_3x3_2", stride))
        parts.append(unit(pool(x), f"{name}_pool_proj") if stride == 1 else pool(x))
        return torch.cat(parts, 1)

    def halve(x):
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    def average(x):
        return F.avg_pool2d(x, 3, 1, 1)

    maps, x = [], x.flip(1)
    x = halve(unit(x, "conv1_7x7_s2", stride=2))
    maps.append(unit(unit(x, "conv2_3x3_reduce"), "conv2_3x3"))
    x = halve(maps[-1])
    for name in ("3a", "3b"):
        x = block(x, f"inception_{name}", average)
    maps.append(x)
    x = block(x, "inception_3c", halve, stride=2)
    for name in ("4a", "4b", "4c", "4d"):
        x = block(x, f"inception_{name}", average)
    maps.append(x)
    x = block(x, "inception_4e", halve, stride=2)
    x = block(x, "inception_5a", average)
    maps.append(block(x, "inception_5b", lambda x: F.max_pool2d(x, 3, 1, 1)))
    return maps


def released(network: torch.nn.Module) -> dict:
    """The weights under the names, and in the order of colors, of the released file."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    if isinstance(network, GoogLeNet):
        return state
    state = {re.sub(r"^(inception_\d\w)\.", r"\1_", k): v for k, v in state.items()}
    state["conv1_7x7_s2.weight"] = state["conv1_7x7_s2.weight"].flip(1)
    return state


def test_parameters_are_as_many_as_published(network):
    count = sum(p.numel() for p in network.parameters())
    assert count + CLASSIFIER == PUBLISHED[type(network)]


@torch.no_grad()
def test_forward_equals_the_definition(network):
    reference = google_reference if isinstance(network, GoogLeNet) else caffe_reference
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    wanted = reference(released(network), image)
    for mine, other in zip(network(image), wanted, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)
    assert [m.shape[2:] for m in wanted] == [(16 // s, 24 // s) for s in (1, 2, 4, 8)]


HEADS = {
    GoogLeNet: ("fc.weight", "fc.bias", "aux1.conv.conv.weight", "aux2.fc2.bias"),
    BNInception: ("last_linear.weight", "last_linear.bias"),
}


def test_released_weights_load_strictly_without_classifiers(network, tmp_path):
    state = released(network)
    torch.save({**state, **{name: torch.ones(2) for name in HEADS[type(network)]}}, tmp_path / "w")
    other = randomise(type(network)(), seed=1).eval()
    load_backbone(other, tmp_path / "w")
    for name, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    name = next(name for name in state if name.endswith("3x3_1.weight") or "branch3.1.conv" in name)
    torch.save({k: v for k, v in state.items() if k != name}, tmp_path / "w")
    match = rf"match {type(other).__name__}, .*missing in the file \(1\): .*Use .*\.pth"
    with pytest.raises(ValueError, match=match):
        read_backbone(other, tmp_path / "w")


def test_weights_of_our_own_are_not_turned(tmp_path):
    network = randomise(BNInception())
    torch.save({f"backbone.{k}": v for k, v in network.state_dict().items()}, tmp_path / "w")
    own = read_backbone(network, tmp_path / "w")
    assert torch.equal(own["conv1_7x7_s2.weight"], network.conv1_7x7_s2.weight)


@pytest.mark.parametrize("kind", [GoogLeNet, BNInception])
def test_any_size_from_64_on(kind):
    network = kind().to("meta").eval()
    for size in (64, 65, 100, 232, 299):  # of 232 px stages have 29 and 15 positions
        last = network(torch.empty(1, 3, size, size + 3, device="meta"))[-1]
        assert last.shape[1] == 1024 and min(last.shape[2:]) >= 2
    for size in (224, 227):
        assert network(torch.empty(1, 3, size, size, device="meta"))[-1].shape[2:] == (7, 7)


@torch.no_grad()
def test_halving_an_odd_number_takes_the_last_position_alone():
    pool = BNInception().inception_3c.pool
    x = torch.arange(25.0).view(1, 1, 5, 5)
    assert pool(x)[0, 0].tolist() == [[12, 14, 14], [22, 24, 24], [22, 24, 24]]
    assert pool(x[..., :4, :4]).tolist() == F.max_pool2d(x[..., :4, :4], 3, 2, 0, 1, True).tolist()


@pytest.mark.parametrize("kind", [GoogLeNet, BNInception])
def test_stages_that_are_asked_for(kind):
    image = torch.randn(1, 3, 64, 64)
    whole, some = randomise(kind()).eval(), kind(out_indices=(1, 3)).eval()
    some.load_state_dict(whole.state_dict())
    with torch.no_grad():
        maps, two = whole(image), some(image)
    assert torch.equal(two[0], maps[1]) and torch.equal(two[1], maps[3]) and len(two) == 2
    for wrong in ((4,), (), (-1,)):
        with pytest.raises(ValueError, match=rf"of {kind.__name__} to be stages from 0 to 3"):
            kind(out_indices=wrong)


@pytest.mark.parametrize("frozen", [False, True])
def test_batch_statistics_move_unless_frozen(frozen):
    network = GoogLeNet(out_indices=(0,), norm_eval=frozen).train()
    before = network.conv1.bn.running_mean.clone()
    network(torch.randn(2, 3, 64, 64))
    assert torch.equal(network.conv1.bn.running_mean, before) == frozen
    assert network.training and not network.eval().conv1.training
