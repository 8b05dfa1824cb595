# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from rankseg.models.losses import orthogonal_agents
from rankseg.models.losses.agents import (
    GRAM_BYTES,
    all_agents,
    random_agents,
    topn_agents,
    use_gram,
)
from rankseg.testing.launches import count_launches


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


@pytest.mark.parametrize("gram", [True, False])
def test_equals_the_greedy_search(gram):
    features = torch.randn(3, 5, 4, 6, generator=torch.Generator().manual_seed(0))
    first = torch.tensor([0, 7, 23])
    found = orthogonal_agents(features, 9, first, gram)
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


def signs(batch: int, side: int) -> torch.Tensor:
    """Features of plus and minus one in 16 channels, whose cosines are exact and often equal."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(2, (batch, 16, side, side), generator=generator) * 2.0 - 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["random", "ties", "copies", "zeros", "some zeros"])
def test_both_ways_choose_the_same_positions(kind, dtype):
    generator = torch.Generator().manual_seed(1)
    features = {
        "random": torch.randn(3, 32, 9, 9, generator=generator).relu(),
        "ties": signs(3, 9),
        "copies": signs(3, 3).repeat(1, 1, 3, 3),
        "zeros": torch.zeros(3, 16, 9, 9),
        "some zeros": signs(3, 9) * (torch.rand(3, 1, 9, 9, generator=generator) < 0.5),
    }[kind].to(dtype)
    first = torch.tensor([0, 40, 80])
    by_gram, by_rows = (orthogonal_agents(features, 50, first, gram) for gram in (True, False))
    assert torch.equal(by_gram, by_rows)
    assert all(row.unique().numel() == 50 for row in by_gram)


def test_a_round_has_three_operations_with_the_similarities_of_all_and_six_without():
    features, first = torch.randn(2, 8, 5, 5), torch.tensor([0, 1])
    for gram, each in ((True, 3), (False, 6)):
        few, many = (
            sum(
                count_launches(
                    lambda n=n, g=gram: orthogonal_agents(features, n, first, g)
                ).values()
            )
            for n in (5, 15)
        )
        assert many - few == 10 * each


@pytest.mark.parametrize(
    ("batch", "positions", "agents", "device", "wanted"),
    [
        (4, 441, 128, "cpu", True),
        (4, 1089, 128, "cpu", False),
        (4, 1089, 128, "cuda", True),
        (GRAM_BYTES // 4 // 1024**2, 1024, 128, "cuda", True),
        (GRAM_BYTES // 4 // 1024**2 + 1, 1024, 128, "cuda", False),
        (10**6, 441, 128, "cpu", False),
    ],
)
def test_the_way_is_chosen_by_size_and_device(batch, positions, agents, device, wanted):
    assert use_gram(batch, positions, agents, device) is wanted


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
