# SPDX-License-Identifier: Apache-2.0
"""Selection of feature map positions as agents (RankMatch, section 3.2 and Table 5)."""

import torch
from torch import Tensor

GRAM_BYTES = 256 * 2**20
"""Largest memory for the similarities of all positions of all images of a batch."""

CPU_RATIO = 4
"""Largest number of positions per agent for which they are computed on a CPU; measured."""


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


def random_first(features: Tensor) -> Tensor:
    """Draw the position of each image's first agent: ``(B,)`` int64, in ``[0, h * w)``.

    Args:
        features: ``(B, C, h, w)``.
    """
    positions = features.shape[2:].numel()
    return torch.randint(positions, (len(features),), device=features.device)


def use_gram(batch: int, positions: int, num_agents: int, device: str) -> bool:
    """Return whether the similarities of all positions are computed before agents are chosen.

    With them, a round has three operations instead of six. On an accelerator, where the time of a
    round is that of starting its operations, they are computed if they fit into
    :data:`GRAM_BYTES`. On a CPU, computing all of them costs more than it saves on large maps.

    Args:
        batch: Number of images.
        positions: Number of positions of the feature map, ``h * w``.
        num_agents: Number of agents.
        device: Type of the device, such as ``"cuda"``.
    """
    if 4 * batch * positions**2 > GRAM_BYTES:
        return False
    return device != "cpu" or positions <= CPU_RATIO * num_agents


@torch.no_grad()
def orthogonal_agents(
    features: Tensor, num_agents: int, first: Tensor | None = None, gram: bool | None = None
) -> Tensor:
    """Choose positions greedily so that each is the most orthogonal to those already chosen.

    After the first, each step takes the position whose largest absolute cosine to the chosen ones
    is smallest. The loop keeps one running maximum per position. Nothing is read back to the CPU.

    Args:
        features: ``(B, C, h, w)`` of any floating dtype; normalized here.
        num_agents: Number of agents ``N``, at most ``h * w``.
        first: ``(B,)`` flat position of each image's first agent; random if None.
        gram: Compute the similarities of all positions first, which takes ``B x hw x hw`` memory,
            instead of one row of them for each agent. Both give the same positions, unless two
            similarities differ in the last digit only. None chooses by :func:`use_gram`.

    Returns:
        ``(B, N)`` int64 flat positions, all different, in the order of choice.

    Raises:
        ValueError: If there are fewer positions than agents.

    Source: RankMatch (CVPR 2024), section 3.2.
    """
    positions = features.shape[2:].numel()
    check_num_agents(positions, num_agents)
    if gram is None:
        gram = use_gram(len(features), positions, num_agents, features.device.type)
    first = random_first(features) if first is None else first
    with torch.autocast(features.device.type, enabled=False):
        choose = _choose_by_gram if gram else _choose_by_rows
        return choose(_unit(features), num_agents, first)


def _choose_by_gram(unit: Tensor, num_agents: int, first: Tensor) -> Tensor:
    """Choose agents from the similarities of all positions; see :func:`orthogonal_agents`."""
    cosine = torch.bmm(unit.transpose(1, 2), unit).abs_()
    cosine.diagonal(dim1=1, dim2=2).fill_(torch.inf)  # so that no position is chosen twice
    chosen = [first[:, None]]
    largest = unit.new_zeros(len(unit), unit.size(2))
    for _ in range(num_agents - 1):
        row = cosine.gather(1, chosen[-1][:, None].expand(-1, -1, unit.size(2))).squeeze(1)
        largest = torch.maximum(largest, row)
        chosen.append(largest.argmin(1, keepdim=True))
    return torch.cat(chosen, 1)


def _choose_by_rows(unit: Tensor, num_agents: int, first: Tensor) -> Tensor:
    """Choose agents from the similarities to each new agent; see :func:`orthogonal_agents`."""
    chosen = [first]
    largest = unit.new_zeros(len(unit), unit.size(2))
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
