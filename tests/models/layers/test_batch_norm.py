# SPDX-License-Identifier: Apache-2.0
"""Batch norm of several processes against torch's on the whole batch."""

import copy

import pytest
import torch
from mmengine.dist import get_rank
from torch import nn

from rankseg.models.layers import SyncBatchNorm, convert_sync_batch_norm
from rankseg.testing.processes import run_processes

SHARES = [slice(0, 2), slice(2, 7)]  # processes need not have as many images
KINDS = {
    "maps": (nn.BatchNorm2d(4), (7, 4, 3, 5)),
    "vectors": (nn.BatchNorm1d(4), (7, 4)),
    "plain mean of all": (nn.BatchNorm2d(4, momentum=None), (7, 4, 2, 2)),
    "without parameters": (nn.BatchNorm2d(4, affine=False), (7, 4, 2, 2)),
    "without statistics": (nn.BatchNorm2d(4, track_running_stats=False), (7, 4, 2, 2)),
    "far from zero": (nn.BatchNorm2d(4, eps=1e-3, momentum=0.3), (7, 4, 3, 3)),
}


def steps(kind, rows):
    """Three steps of a layer: outputs, gradients, statistics; then an output in eval mode."""
    layer, shape = copy.deepcopy(KINDS[kind][0]), KINDS[kind][1]
    generator = torch.Generator().manual_seed(0)
    if rows != slice(None):
        layer = convert_sync_batch_norm(layer)
        assert isinstance(layer, SyncBatchNorm)
    for parameter in layer.parameters():
        parameter.data.uniform_(0.5, 1.5, generator=generator)
    found = {}
    for step in range(3):
        x = 2 * torch.randn(shape, generator=generator) + (100 if kind == "far from zero" else 3)
        weight = torch.randn(shape, generator=generator)
        x = x[rows].requires_grad_()
        y = layer(x)
        layer.zero_grad()
        (y * weight[rows]).sum().backward()
        found[f"y{step}"], found[f"dx{step}"] = y.detach(), x.grad
    found |= {name: parameter.grad for name, parameter in layer.named_parameters()}
    found |= {f"kept {name}": value for name, value in layer.state_dict().items()}
    found["eval"] = layer.eval()(x).detach()
    return found


def in_process():
    return {kind: steps(kind, SHARES[get_rank()]) for kind in KINDS}


@pytest.fixture(scope="module")
def shares():
    return run_processes(2, in_process)


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_are_one(shares, kind):
    wanted = steps(kind, slice(None))
    tolerance = (
        dict(rtol=1e-3, atol=1e-3) if kind == "far from zero" else dict(rtol=1e-5, atol=2e-5)
    )
    for key, value in wanted.items():
        parts = [share[kind][key] for share in shares]
        if key.startswith(("y", "dx")):
            torch.testing.assert_close(torch.cat(parts), value, **tolerance)
        elif key.startswith("kept"):
            assert torch.equal(*parts), f"{key} differs between the processes"
            torch.testing.assert_close(parts[0], value, **tolerance)
        elif key == "eval" and kind != "without statistics":
            torch.testing.assert_close(torch.cat(parts), value, **tolerance)
        elif key in ("weight", "bias"):  # each has the part of its own images
            torch.testing.assert_close(sum(parts), value, **tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_one_process_is_plain_batch_norm(kind):
    layer, shape = KINDS[kind]
    plain, ours = copy.deepcopy(layer), convert_sync_batch_norm(copy.deepcopy(layer))
    x = torch.randn(shape)
    assert torch.equal(plain.train()(x), ours.train()(x))
    assert torch.equal(plain.eval()(x), ours.eval()(x))


def test_conversion_keeps_names_values_and_modes():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())
    )
    network[2].eval()
    before = dict(network.named_parameters())
    state = copy.deepcopy(network.state_dict())
    converted = convert_sync_batch_norm(network)
    assert [type(converted[i]) for i in (0, 1)] == [nn.Conv2d, SyncBatchNorm]
    assert isinstance(converted[2][0], SyncBatchNorm)
    assert (converted[1].training, converted[2][0].training) == (True, False)
    assert {id(p) for p in converted.parameters()} == {id(p) for p in before.values()}
    assert list(dict(converted.named_parameters())) == list(before)
    for name, value in converted.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert convert_sync_batch_norm(converted)[1] is converted[1]


def half_precision():
    layer = SyncBatchNorm(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(torch.randn(2, 4, 3, 3).bfloat16() + 10 * get_rank())
    with pytest.raises(ValueError, match=r"input of shape \(B, C, ...\), but got \(4,\)"):
        layer(torch.zeros(4))
    return y.dtype, layer.running_mean.dtype, layer.running_mean


def test_half_precision_counts_in_float32():
    (one, kept, mean), (two, _, _) = run_processes(2, half_precision)
    assert (one, two, kept) == (torch.bfloat16, torch.bfloat16, torch.float32)
    assert (mean > 0.3).all()  # a tenth of a mean of about 5, not of 0


@pytest.mark.parametrize(
    ("kind", "base"), [("rankseg", SyncBatchNorm), ("torch", nn.SyncBatchNorm)]
)
def test_activation_of_timm_is_kept(kind, base):
    layers = pytest.importorskip("timm.layers")
    torch.manual_seed(0)
    layer = nn.Sequential(layers.BatchNormAct2d(4)).eval()
    x = torch.randn(2, 4, 3, 3)
    expected = layer(x)
    converted = convert_sync_batch_norm(layer, kind)
    assert isinstance(converted[0], base) and (expected == 0).any()
    assert torch.equal(converted(x), expected)
