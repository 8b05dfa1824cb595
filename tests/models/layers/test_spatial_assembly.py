# SPDX-License-Identifier: Apache-2.0
"""Spatial assembly: what identity, permutations and blocks do, and what is predicted."""

import pytest
import torch
from torch.autograd import gradcheck

from rankseg.models.layers import SpatialAssembly, assemble, doubly_normalized
from rankseg.models.layers import spatial_assembly as layer

GRID = (3, 4)
N = 12


def module(grid=GRID, channels=5, **options) -> SpatialAssembly:
    torch.manual_seed(0)
    return SpatialAssembly(channels, grid, hidden_channels=6, **options)


def livened(assembly: SpatialAssembly) -> SpatialAssembly:
    """With a predictor that was trained on something."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in assembly.predictor.parameters():
            weights.normal_(std=0.5)
    return assembly


def test_identity():
    x = torch.randn(2, 5, *GRID)
    weights = torch.eye(N).expand(2, N, N)
    torch.testing.assert_close(assemble(x, weights, GRID), x, rtol=0, atol=0)
    large = torch.randn(2, 5, 6, 12)
    torch.testing.assert_close(assemble(large, weights, GRID), large, rtol=0, atol=0)


def test_a_permutation_permutes():
    x, order = torch.randn(1, 5, *GRID), torch.randperm(N)
    weights = torch.zeros(1, N, N)
    weights[0, order, torch.arange(N)] = 1.0
    moved = assemble(x, weights, GRID).flatten(2)
    for v in range(N):
        assert moved[0, :, v].equal(x.flatten(2)[0, :, order[v]])


def test_blocks_move_as_they_are():
    """The last block of a map comes to the first place."""
    x = torch.randn(1, 2, 6, 8)
    weights = torch.eye(N)[None].clone()
    weights[0, [0, N - 1]] = weights[0, [N - 1, 0]]
    moved = assemble(x, weights, GRID)
    assert moved[..., :2, :2].equal(x[..., 4:, 6:]) and moved[..., 4:, 6:].equal(x[..., :2, :2])
    assert moved[..., 2:4, :].equal(x[..., 2:4, :])


def test_the_sum_of_the_equation():
    x, weights = torch.randn(2, 5, *GRID), torch.rand(2, N, N)
    g = assemble(x, weights, GRID)
    for b, v, c in ((0, 3, 2), (1, 11, 4)):
        expected = sum(weights[b, u, v] * x[b, c].flatten()[u] for u in range(N))
        assert g[b, c].flatten()[v].item() == pytest.approx(expected.item(), rel=1e-5)
    # eqs. 5.10 and 5.11: the gradients are the weights and the features
    x, weights = x.double().requires_grad_(), weights.double().requires_grad_()
    assert gradcheck(lambda a, w: assemble(a, w, GRID), (x, weights))


def test_rows_and_columns_sum_to_one():
    torch.manual_seed(0)
    for logits in (torch.randn(4, N, N), torch.randn(4, N, N) + 5 * torch.eye(N)):
        weights = doubly_normalized(logits, 200).exp()
        for axis in (1, 2):
            torch.testing.assert_close(weights.sum(axis), torch.ones(4, N), rtol=0, atol=1e-4)
        assert (weights > 0).all()
    few = doubly_normalized(logits, 1).exp()
    torch.testing.assert_close(few.sum(1), torch.ones(4, N))  # columns: in one round


def test_what_is_doubly_normalized_stays():
    weights = doubly_normalized(torch.randn(1, N, N), 300)
    torch.testing.assert_close(doubly_normalized(weights, 1), weights, rtol=0, atol=1e-4)
    shifted = doubly_normalized(weights + torch.randn(1, N, 1) + torch.randn(1, 1, N), 300)
    torch.testing.assert_close(shifted, weights, rtol=0, atol=1e-3)


def test_normalizing_has_the_right_gradient(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    logits = torch.randn(1, 4, 4).double().requires_grad_()
    assert gradcheck(lambda x: doubly_normalized(x, 5), logits)


def test_extreme_logits_are_no_nan():
    logits = torch.tensor([[[1e4, -1e4], [1e4, -1e4]]], requires_grad=True)
    weights = doubly_normalized(logits, 20).exp()
    weights.sum().backward()
    assert weights.isfinite().all() and logits.grad.isfinite().all()


@pytest.mark.parametrize("start", [0.2, 0.9, 0.999])
def test_it_begins_near_the_identity(start):
    assembly, x = module(start=start), torch.randn(2, 5, *GRID)
    weights = assembly.weights(x).exp()
    torch.testing.assert_close(weights.diagonal(dim1=1, dim2=2), torch.full((2, N), start))
    others = weights.mean(0)[~torch.eye(N, dtype=torch.bool)]
    torch.testing.assert_close(others, torch.full_like(others, (1 - start) / (N - 1)))
    if start > 0.99:
        torch.testing.assert_close(assembly(x), x, rtol=0, atol=0.01)


def test_weights_depend_on_the_image():
    assembly = livened(module())
    x = torch.randn(2, 5, *GRID)
    weights = assembly.weights(x)
    assert not torch.allclose(weights[0], weights[1], atol=0.1)
    torch.testing.assert_close(assembly(x)[:1], assembly(x[:1]))  # and on no other
    torch.testing.assert_close(weights.exp().sum(1), torch.ones(2, N))


def test_places_are_seen_and_neighbors_can_move_together():
    """A shift by one column, learned on an even map."""
    assembly, x = module((3, 4), start=0.2, rounds=100), torch.ones(1, 5, 3, 4)
    weights = livened(module())
    rows = weights.weights(x).exp()[0]
    assert not torch.allclose(rows[5], rows[6], atol=0.01), "two points inside of an even map"
    shift = torch.eye(N).view(3, 4, N).roll(-1, 1).view(N, N)  # u to the place on its right
    optimizer = torch.optim.Adam(assembly.predictor.parameters(), 0.03)
    for _ in range(60):
        loss = -(shift * assembly.weights(x)[0]).sum() / N
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3, "nearly all of every point's weight"


def test_a_point_says_where_it_goes(monkeypatch):
    """A point and its neighbors decide on the logits of its row, and on no other."""
    monkeypatch.setattr(layer, "doubly_normalized", lambda logits, rounds: logits)
    assembly, x = livened(module()), torch.randn(1, 5, *GRID)
    before = assembly.weights(x)
    x[..., 0, 0] += 1
    changed = (assembly.weights(x) - before)[0].abs().sum(1) > 1e-4
    assert changed.view(GRID).nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_every_parameter_learns():
    assembly = livened(module())
    assembly(torch.randn(2, 5, *GRID)).square().sum().backward()
    assert all(weights.grad.abs().sum() > 0 for weights in assembly.parameters())


def test_the_mean_of_the_map_stays():
    """So behind it something has to look at positions."""
    assembly, x = livened(module(rounds=300)), torch.randn(2, 5, *GRID)
    assert not torch.allclose(assembly(x), x, atol=0.1)
    torch.testing.assert_close(assembly(x).mean((2, 3)), x.mean((2, 3)), rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(3, 4), (6, 8), (7, 9), (13, 5)])
def test_maps_of_any_size(size):
    x = torch.randn(2, 5, *size)
    still = module(start=1 - 1e-7)
    assert still(x).shape == x.shape
    torch.testing.assert_close(still(x), x, rtol=0, atol=1e-4)
    assert not torch.allclose(livened(module())(x), x, atol=0.1)
    flat = torch.ones(2, 5, *size)
    torch.testing.assert_close(livened(module())(flat), flat)  # no padding comes in


def test_smaller_maps_are_for_evaluation():
    x = torch.randn(2, 5, 2, 2)
    assert module().eval()(x).shape == x.shape
    with pytest.raises(ValueError, match=r"grid .*\(2, 2\).*got \(3, 4\)"):
        module()(x)


def test_low_precision():
    x = torch.randn(2, 5, *GRID)
    with torch.autocast("cpu", torch.bfloat16):
        moved = module(start=1 - 1e-7)(x.bfloat16())
    assert moved.dtype == torch.bfloat16
    torch.testing.assert_close(moved, x.bfloat16(), rtol=0, atol=0.05)


def test_notes_only_what_is_watched_and_learned():
    assembly, x = module(), torch.randn(2, 5, *GRID)
    assembly(x)
    assert assembly.recorded is None
    assembly.recorded = []
    with torch.no_grad():
        assembly(x)
    assert assembly.recorded == []
    assembly(x)
    ((weights, points),) = assembly.recorded
    assert weights.requires_grad and points.equal(x)


def test_state_is_what_learns():
    names = [f"predictor.{i}.{part}" for i in (0, 2, 4) for part in ("weight", "bias")]
    assert list(module().state_dict()) == names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(grid=0), "grid .*2 to 256 points.*got 0"),
        (dict(grid=17), "grid .*got 17"),
        (dict(grid=(2, 2, 2)), "2 to 256 points"),
        (dict(start=0.05), "start .*between 1 / 12 and 1"),
        (dict(start=1.0), "start=1.0"),
        (dict(rounds=0), "rounds=0"),
        (dict(coherence_weight=-1.0), "weights of 0 or more"),
    ],
)
def test_options(options, message):
    with pytest.raises(ValueError, match=message):
        module(**options)


def test_channels():
    with pytest.raises(ValueError, match="in_channels .*4.*got 5"):
        module()(torch.randn(1, 4, *GRID))
