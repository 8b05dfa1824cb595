# SPDX-License-Identifier: Apache-2.0
"""Selection of feature map positions as agents (RankMatch, section 3.2 and Table 5)."""

import torch
from torch import Tensor


def check_num_agents(positions: int, num_agents: int) -> None:
    """Check that there are at least as many positions as agents.

    Raises:
        ValueError: If ``num_agents`` is not in ``[1, positions]``.
    """
    if not 1 <= num_agents <= positions:
        raise ValueError(
            f"Expected num_agents to be 1 to {positions}, the number of positions of the feature "
            f"map, but got {num_agents}. Use a larger crop or a smaller num_agents."
        )


def _unit(features: Tensor) -> Tensor:
    """Normalize features to length 1: ``(B, C, h * w)`` float32; zero features stay zero.

    ``F.normalize`` gives the same result but is eight times slower along a dimension that is not
    the last.
    """
    flat = features.flatten(2).float()
    return flat * flat.square().sum(1, keepdim=True).clamp_min(1e-24).rsqrt()


@torch.no_grad()
def orthogonal_agents(features: Tensor, num_agents: int, first: Tensor | None = None) -> Tensor:
    """Choose positions greedily so that each is the most orthogonal to those already chosen.

    After the first, each step takes the position whose largest absolute cosine to the chosen ones
    is smallest. The loop keeps one running maximum per position, so it needs ``B x h x w`` memory
    and no ``hw x hw`` matrix, and nothing is read back to the CPU.

    Args:
        features: ``(B, C, h, w)`` of any floating dtype; normalized here.
        num_agents: Number of agents ``N``, at most ``h * w``.
        first: ``(B,)`` flat position of each image's first agent; random if None.

    Returns:
        ``(B, N)`` int64 flat positions, all different, in the order of choice.

    Raises:
        ValueError: If there are fewer positions than agents.

    Source: RankMatch (CVPR 2024), section 3.2.
    """
    batch, _, height, width = features.shape
    check_num_agents(height * width, num_agents)
    with torch.autocast(features.device.type, enabled=False):
        unit = _unit(features)
        if first is None:
            first = torch.randint(height * width, (batch,), device=features.device)
        chosen = [first]
        largest = unit.new_zeros(batch, height * width)
        for _ in range(num_agents - 1):
            where = chosen[-1][:, None]
            agent = unit.gather(2, where[:, None].expand(-1, unit.size(1), 1))
            cosine = torch.bmm(agent.transpose(1, 2), unit).squeeze(1)
            largest = torch.maximum(largest, cosine.abs_()).scatter_(1, where, torch.inf)
            chosen.append(largest.argmin(1))
    return torch.stack(chosen, 1)


@torch.no_grad()
def random_agents(features: Tensor, num_agents: int, first: Tensor | None = None) -> Tensor:
    """Choose ``num_agents`` distinct positions at random, starting with ``first`` if given.

    Shapes and errors as in :func:`orthogonal_agents`.
    """
    batch, _, height, width = features.shape
    check_num_agents(height * width, num_agents)
    score = torch.rand(batch, height * width, device=features.device)
    if first is not None:
        score.scatter_(1, first[:, None], torch.inf)
    return score.topk(num_agents, 1).indices


@torch.no_grad()
def topn_agents(features: Tensor, num_agents: int, first: Tensor | None = None) -> Tensor:
    """Choose the positions with the largest sum of cosines to all positions (Table 5, "Top-N").

    The sum over ``j`` of ``f_i . f_j`` is ``f_i . sum_j f_j``, so no self-correlation matrix is
    formed. ``first`` is ignored. Shapes and errors as in :func:`orthogonal_agents`.
    """
    check_num_agents(features.shape[2:].numel(), num_agents)
    unit = _unit(features)
    return (unit * unit.sum(2, keepdim=True)).sum(1).topk(num_agents, 1).indices


@torch.no_grad()
def all_agents(features: Tensor, num_agents: int, first: Tensor | None = None) -> Tensor:
    """Return every position as an agent, in raster order (Table 5, "All"): ``(B, h * w)``.

    ``num_agents`` and ``first`` are ignored.
    """
    batch, _, height, width = features.shape
    return torch.arange(height * width, device=features.device).expand(batch, -1)


SELECTIONS = {
    "orthogonal": orthogonal_agents,
    "random": random_agents,
    "topn": topn_agents,
    "all": all_agents,
}
