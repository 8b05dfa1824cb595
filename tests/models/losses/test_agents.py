# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from rankseg.models.losses import orthogonal_agents
from rankseg.models.losses.agents import all_agents, random_agents, topn_agents


def greedy(features: torch.Tensor, num_agents: int, first: int) -> list[int]:
    """One image, by the sentence in the paper: (C, h, w) -> positions."""
    unit = F.normalize(features.flatten(1).double(), dim=0)
    chosen = [first]
    while len(chosen) < num_agents:
        worst = {
            p: max(abs((unit[:, p] @ unit[:, c]).item()) for c in chosen)
            for p in range(unit.shape[1])
            if p not in chosen
        }
        chosen.append(min(worst, key=worst.get))
    return chosen


def test_equals_the_greedy_search():
    features = torch.randn(3, 5, 4, 6, generator=torch.Generator().manual_seed(0))
    first = torch.tensor([0, 7, 23])
    found = orthogonal_agents(features, 9, first)
    assert found.tolist() == [
        greedy(f, 9, start) for f, start in zip(features, [0, 7, 23], strict=True)
    ]


def test_signs_do_not_count():
    # the opposite of a chosen feature is as useless as its copy
    features = torch.tensor([[1.0, -1.0, 0.6], [0.0, 0.0, 0.8]])[None, :, None]
    assert orthogonal_agents(features, 2, torch.tensor([0])).tolist() == [[0, 2]]


def test_scale_does_not_count():
    features = torch.randn(2, 8, 5, 5)
    first = torch.tensor([3, 4])
    scaled = features * torch.rand(2, 1, 5, 5).add(0.5)
    assert torch.equal(orthogonal_agents(features, 6, first), orthogonal_agents(scaled, 6, first))


@pytest.mark.parametrize("select", [orthogonal_agents, random_agents, topn_agents])
def test_positions_differ_even_among_equal_features(select):
    found = select(torch.ones(2, 4, 3, 3), 9)
    assert found.dtype == torch.int64
    assert found.sort(1).values.tolist() == [list(range(9))] * 2


def test_zero_features_are_no_reason_for_nan():
    assert orthogonal_agents(torch.zeros(1, 4, 3, 3), 4).unique().numel() == 4


@pytest.mark.parametrize("select", [orthogonal_agents, random_agents, topn_agents])
def test_more_agents_than_positions(select):
    with pytest.raises(ValueError, match="num_agents to be 1 to 9, .*got 10.*larger crop"):
        select(torch.randn(1, 4, 3, 3), 10)


def test_first_leads():
    features = torch.randn(2, 4, 3, 3)
    first = torch.tensor([5, 2])
    assert torch.equal(orthogonal_agents(features, 4, first)[:, 0], first)
    assert torch.equal(random_agents(features, 4, first)[:, 0], first)


def test_random_first_covers_all_positions():
    firsts = {orthogonal_agents(torch.randn(1, 2, 2, 2), 1).item() for _ in range(100)}
    assert firsts == {0, 1, 2, 3}


def test_topn_takes_what_correlates_with_most():
    features = torch.randn(1, 6, 4, 4)
    unit = F.normalize(features.flatten(2), dim=1)[0]
    wanted = (unit.T @ unit).sum(0).topk(5).indices
    assert topn_agents(features, 5)[0].tolist() == wanted.tolist()


def test_all():
    assert all_agents(torch.zeros(2, 3, 2, 2), 7).tolist() == [[0, 1, 2, 3]] * 2
