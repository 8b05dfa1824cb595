# SPDX-License-Identifier: Apache-2.0
"""Rank-aware correlation consistency of RankMatch, with the paper's ablations as options."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rankseg.models.losses.agents import SELECTIONS, orthogonal_agents, random_first
from rankseg.models.losses.counting import count_per_process
from rankseg.models.losses.plackett_luce import plackett_luce_kl
from rankseg.registry import MODELS

CONSISTENCIES = ("rank", "kl", "ce", "l2")
REDUCTIONS = ("element", "pixel")
CACHE_BYTES = 10 * 2**20
"""Largest float32 features whose agents are selected together on a CPU; measured."""

AGENT_SHARE = 0.125  # 128 of 33 x 33 positions in the paper, 64 of 21 x 21 in the released code


def count_agents(num_agents: float, positions: int, least: int = 1) -> int:
    """Return the number of agents on a feature map.

    Args:
        num_agents: Number of agents (int), or share of the positions (float).
        positions: Number of positions, ``h * w``.
        least: Smallest number that a share gives.

    >>> count_agents(0.125, 33 * 33), count_agents(0.125, 5, least=4), count_agents(64, 441)
    (136, 4, 64)
    """
    return num_agents if isinstance(num_agents, int) else max(least, round(num_agents * positions))


def agent_correlation(features: Tensor, positions: Tensor) -> Tensor:
    """Compute dot products of every position with the agents ``(B, N)``: ``(B, h * w, N)``.

    These are the logits of eq. 4. The features are not normalized and there is no temperature.
    """
    flat = features.flatten(2)
    agents = flat.gather(2, positions[:, None].expand(-1, flat.size(1), -1))
    return torch.bmm(flat.transpose(1, 2), agents)


def distribution_distance(teacher: Tensor, student: Tensor, kind: str) -> Tensor:
    """Compute the distance of two distributions, summed over the agents: ``(B, P)`` (Table 6).

    Both are ``(B, P, N)`` logits; the teacher's receive no gradient. ``kind`` is ``"kl"`` (eq. 5),
    ``"ce"`` or ``"l2"``.
    """
    teacher = teacher.detach()
    if kind == "l2":
        return (teacher.softmax(-1) - student.softmax(-1)).square().sum(-1)
    log_student = student.log_softmax(-1)
    if kind == "ce":
        return -(teacher.softmax(-1) * log_student).sum(-1)
    log_teacher = teacher.log_softmax(-1)
    return F.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(-1)


@MODELS.register_module()
class RankCorrelationLoss(nn.Module):
    r"""Consistency of pixel-to-agent correlations between the weak and the strong view.

    Agents are positions of the weak view's feature map; the strong view's agents are its own
    features at the same positions. With ``consistency="rank"``, each pixel's ``topk`` agents
    (chosen by the teacher) define a Plackett-Luce distribution over their orders, and the loss is
    ``KL(weak || strong)`` of these distributions (eqs. 6 to 8).

    Args:
        num_agents: Number of agents ``N``, or as a float their share of the positions, of which
            there are then at least ``topk``. The paper has 128 at crops of 513 px, 11.8% of the
            positions; its released code has 64 at 321 px, 14.5%. 47% were worse (Table 7).
        topk: Number of agents whose orders are compared, at most ``num_agents``; 4 in the paper.
        selection: ``"orthogonal"``, ``"random"``, ``"topn"`` or ``"all"`` (Table 5).
        consistency: ``"rank"``, ``"kl"``, ``"ce"`` or ``"l2"`` (Table 6).
        reduction: ``"pixel"`` sums over orders (or agents) and averages over pixels, as the paper
            states. ``"element"`` averages over both, as in the released code, which is ``topk!``
            (or ``N``) times smaller. The paper's weight of 0.1 belongs to ``"element"``.
        loss_weight: Weight of the loss.
        floor: Smallest probability that differs from zero when orders are compared; 1e-10 as in the
            released code. A pixel whose agents all but one have less probability then gives no
            gradient. None compares the orders exactly, as in the paper.

    Shape:
        - weak: ``(B, C, h, w)``; receives no gradient.
        - strong: ``(B, C, h, w)``, same shape.
        - first: ``(B,)`` int64 flat position of the first agent, random if None.
        - positions: ``(B, N)`` int64 flat positions of the agents, see :meth:`select_agents`;
          selected here if None.
        - valid: ``(B, h, w)`` bool or None; False positions do not count (the released code counts
          padding, so by default everything counts).
        - output: ``()`` float32, computed in float32 even under autocast.

    Raises:
        ValueError: If an option is not one of those above, ``topk`` exceeds the number of agents,
            the shapes differ, or there are fewer positions than agents.

    Source: RankMatch (CVPR 2024), eqs. 4 to 8, Tables 5 to 8.
    """

    def __init__(
        self,
        num_agents: float = AGENT_SHARE,
        topk: int = 4,
        selection: str = "orthogonal",
        consistency: str = "rank",
        reduction: str = "element",
        loss_weight: float = 0.1,
        floor: float | None = 1e-10,
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("selection", selection, tuple(SELECTIONS)),
            ("consistency", consistency, CONSISTENCIES),
            ("reduction", reduction, REDUCTIONS),
        ):
            if value not in known:
                raise ValueError(f"Expected {name} to be one of {known}, but got {value!r}.")
        most = 6
        if isinstance(num_agents, int):
            most = min(num_agents, most)
        elif not 0 < num_agents <= 1:
            raise ValueError(
                "Expected num_agents to be a whole number of agents, or a share of the positions "
                f"above 0.0 and at most 1.0, but got {num_agents}."
            )
        if not 2 <= topk <= most:
            raise ValueError(
                f"Expected topk to be 2 to {most} for num_agents={num_agents}, "
                f"because the number of orders grows as topk!, but got {topk}."
            )
        if floor is not None and not 1e-30 <= floor <= 1e-2:
            raise ValueError(f"Expected floor to be 1e-30 to 1e-2, or None, but got {floor}.")
        self.num_agents = num_agents
        self.topk = topk
        self.selection = selection
        self.consistency = consistency
        self.reduction = reduction
        self.loss_weight = loss_weight
        self.floor = floor

    def agents_of(self, positions: int) -> int:
        """Return the number of agents on a feature map with this many positions."""
        if self.selection == "all":
            return positions
        return count_agents(self.num_agents, positions, self.topk)

    def extra_repr(self) -> str:
        """Return the options to show when the model is printed."""
        return (
            f"num_agents={self.num_agents}, topk={self.topk}, selection={self.selection}, "
            f"consistency={self.consistency}, reduction={self.reduction}, "
            f"loss_weight={self.loss_weight}, floor={self.floor}"
        )

    def select_agents(self, views: Sequence[Tensor]) -> list[Tensor]:
        """Select the agents of several views, for the argument ``positions``.

        Orthogonal agents of all views are selected together, in as many operations as those of one
        view, except on a CPU whose cache the features exceed. Random numbers are drawn as for one
        view after the other.

        Args:
            views: ``(B, C, h, w)`` weak features for each view, all of one size.

        Returns:
            ``(B, N)`` int64 flat positions for each view.
        """
        size = sum(view.numel() for view in views)
        together = views[0].device.type != "cpu" or 4 * size <= CACHE_BYTES
        number = self.agents_of(views[0].shape[2:].numel())
        if self.selection != "orthogonal" or not together:
            return [SELECTIONS[self.selection](view, number) for view in views]
        first = torch.cat([random_first(view) for view in views])
        chosen = orthogonal_agents(torch.cat(list(views)), number, first)
        return list(chosen.split([len(view) for view in views]))

    def forward(
        self,
        weak: Tensor,
        strong: Tensor,
        first: Tensor | None = None,
        valid: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss; see the class for shapes."""
        if weak.shape != strong.shape:
            raise ValueError(
                f"Expected weak and strong features of one shape, but got {tuple(weak.shape)} and "
                f"{tuple(strong.shape)}. Use the same feature tap and crop size for both."
            )
        with torch.autocast(weak.device.type, enabled=False):
            weak, strong = weak.detach().float(), strong.float()
            if positions is None:
                number = self.agents_of(weak.shape[2:].numel())
                positions = SELECTIONS[self.selection](weak, number, first)
            per_pixel = self.per_pixel(
                agent_correlation(weak, positions), agent_correlation(strong, positions)
            )
            if valid is None:
                return self.loss_weight * per_pixel.mean()
            inside = valid.flatten(1)
            kept = torch.where(inside, per_pixel, 0).sum()
            return self.loss_weight * kept / count_per_process(inside)

    def per_pixel(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Compute the divergence of each pixel, ``(B, P)``, from ``(B, P, N)`` correlations."""
        if self.consistency == "rank":
            top, which = teacher.log_softmax(-1).topk(self.topk, -1)
            student = student.log_softmax(-1).gather(-1, which)
            distance = plackett_luce_kl(top, student, self.floor)
            entries = math.factorial(self.topk)
        else:
            distance = distribution_distance(teacher, student, self.consistency)
            entries = teacher.size(-1)
        return distance / entries if self.reduction == "element" else distance
