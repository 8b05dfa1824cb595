# SPDX-License-Identifier: Apache-2.0
"""Spatial assembly: a layer that moves the vectors of a feature map to predicted positions."""

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.models.tiny import TinyPart
from rankseg.registry import MODELS

MOST_POINTS = 256  # weights of 32 images then take 8 MiB, stored 40 times for the backward pass


def doubly_normalized(logits: Tensor, rounds: int) -> Tensor:
    """Normalize rows and columns of weights to sum to 1, as logarithms in float32 (Sinkhorn).

    The columns, which are the weights of an output point, sum to 1 exactly. The rows approach 1
    with more rounds.

    Args:
        logits: ``(B, N, N)``, any numbers.
        rounds: Number of times that rows, then columns, are divided by their sums.
    """
    weights = logits.float()
    for _ in range(rounds):
        weights = weights.log_softmax(2).log_softmax(1)
    return weights


def assemble(x: Tensor, weights: Tensor, grid: tuple[int, int]) -> Tensor:
    r"""Compute ``G = W^T F``: every output block is a weighted sum of all input blocks.

    Args:
        x: ``F``, ``(B, C, H, W)`` with sides that are multiples of the grid's.
        weights: ``w(u, v)``, ``(B, N, N)``: the share of input block ``u`` in output block ``v``,
            both counted row by row.
        grid: Rows and columns of blocks; ``N`` is their product.

    Returns:
        ``G``, ``(B, C, H, W)`` with the dtype of ``x``.

    Source: Chapter 5 of the dissertation, eq. 5.4.
    """
    blocks = in_blocks(x, grid)
    _, _, rows, height, columns, width = blocks.shape
    vectors = blocks.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2).flatten(2)
    moved = weights.transpose(1, 2) @ vectors.to(weights.dtype)
    moved = moved.view(-1, rows, columns, blocks.shape[1], height, width)
    return moved.permute(0, 3, 1, 4, 2, 5).reshape(x.shape).to(x.dtype)


def in_blocks(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """View ``(B, C, H, W)`` as ``(B, C, rows, H / rows, columns, W / columns)``."""
    rows, columns = grid
    size = x.shape
    return x.view(size[0], size[1], rows, size[2] // rows, columns, size[3] // columns)


@MODELS.register_module()
class SpatialAssembly(TinyPart, nn.Module):
    r"""Spatial assembly network, which predicts assembly weights from a map and applies them.

    .. math:: G(v, c) = \sum_u w(u, v) \, F(u, c), \quad
        \sum_u w(u, v) = \sum_v w(u, v) = 1, \quad w > 0

    A map larger than the grid is moved block by block, so the number of weights is
    ``(rows * columns)^2`` for every image size. If a side is not a multiple of the grid, it is
    padded with its last values, and the padding is removed afterwards.

    The layers after this one must depend on positions. The mean over a map does not change with
    such weights, and neither does the output of a head that pools the map directly. So place this
    layer before the last convolutions with kernels larger than 1x1, see
    :class:`~rankseg.models.segmentors.extended_segmentor.ExtendedSegmentor`.

    The dissertation does not specify how weights are predicted and normalized. Here a 1x1 and a 3x3
    convolution of ``hidden_channels`` and a final 1x1 convolution give ``N`` logits for every
    point, which Sinkhorn's method normalizes. The convolutions see the position of each point next
    to its feature. Otherwise all points of a uniform map would ask for the same positions, and
    neighbors could not move together, as local coherence requires. The final convolution is
    initialized with zeros, and a constant logit for a point's own position gives it the weight
    ``start``: at first, features are close to what a pretrained network expects.

    While :class:`~rankseg.models.methods.assembly_terms.AssemblyTerms` is active, every pass with
    gradients is recorded in ``recorded`` for :math:`L_\Phi`, whose weights this module holds. The
    terms are means over the ``N`` points, where the equations have sums, so that weights suit any
    grid. All of them are 0 at the identity, so if their weights are too large, nothing moves.

    Args:
        in_channels: ``C``.
        grid: Rows and columns of points, or one number for both; at most 256 points.
        hidden_channels: Hidden channels of the predictor. Unpublished.
        start: Initial weight of a point's own position, between ``1 / N`` and 1. Unpublished.
        rounds: Number of rounds of the normalization. Unpublished.
        entropy_weight: ``lambda_1`` of eq. 5.12. Unpublished, as are the next two.
        correlation_weight: ``lambda_2``.
        coherence_weight: ``lambda_3``.

    Shape:
        - input and output: ``(B, C, H, W)``

    Raises:
        ValueError: If an option is out of its range, the map does not have ``in_channels``
            channels, or a map in training has fewer points than the grid.

    Source: Chapter 5 of the dissertation, sections 5.3.1 to 5.3.3.
    """

    def __init__(
        self,
        in_channels: int,
        grid: int | Sequence[int] = 7,
        hidden_channels: int = 128,
        start: float = 0.9,
        rounds: int = 20,
        entropy_weight: float = 1e-4,
        correlation_weight: float = 1e-4,
        coherence_weight: float = 1e-4,
    ) -> None:
        super().__init__()
        self.grid = (grid, grid) if isinstance(grid, int) else tuple(grid)
        points = self.grid[0] * self.grid[1] if len(self.grid) == 2 and min(self.grid) > 0 else 0
        if not 2 <= points <= MOST_POINTS:
            raise ValueError(
                f"Expected grid of SpatialAssembly to have 2 to {MOST_POINTS} points, because each "
                f"point has a weight for every other, but got {grid}."
            )
        weights = entropy_weight, correlation_weight, coherence_weight
        if not 1 / points < start < 1 or rounds < 1 or min(weights) < 0:
            raise ValueError(
                f"Expected start of SpatialAssembly between 1 / {points} and 1, 1 or more rounds "
                f"and weights of 0 or more, but got start={start}, rounds={rounds} and weights "
                f"{weights}."
            )
        self.in_channels, self.rounds = in_channels, rounds
        self.term_weights = weights
        self.predictor = nn.Sequential(
            nn.Conv2d(in_channels + 2, hidden_channels, 1),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, points, 1),
        )
        nn.init.zeros_(self.predictor[-1].weight)
        nn.init.zeros_(self.predictor[-1].bias)
        rows, columns = (torch.linspace(-1, 1, n) if n > 1 else torch.zeros(1) for n in self.grid)
        place = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
        self.register_buffer("place", place, persistent=False)
        stay = log(start * (points - 1) / (1 - start)) * torch.eye(points)
        self.register_buffer("stay", stay, persistent=False)
        self.recorded: list[tuple[Tensor, Tensor]] | None = None

    @classmethod
    def make_tiny(cls, config: dict, cells: int | None) -> None:
        """See the base class; the grid fits the map of a small crop."""
        if cells is not None:
            config["grid"] = max(2, min(4, cells - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Reassemble a feature map."""
        height, width = x.shape[2:]
        x = self.fill(x)
        points = self.points(x)
        log_weights = self.weights(points)
        if self.recorded is not None and torch.is_grad_enabled():
            self.recorded.append((log_weights, points))
        return assemble(x, log_weights.exp(), self.grid)[..., :height, :width]

    def fill(self, x: Tensor) -> Tensor:
        """Pad a map to multiples of the grid."""
        sides = x.shape[2:]
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f"Expected in_channels of SpatialAssembly to be {x.shape[1]}, the channels of the "
                f"feature map, but got {self.in_channels}."
            )
        if self.training and any(side < n for side, n in zip(sides, self.grid, strict=True)):
            raise ValueError(
                f"Expected grid of SpatialAssembly to be at most {tuple(sides)}, the size of the "
                f"feature map, but got {self.grid}."
            )
        down, right = (-side % n for side, n in zip(sides, self.grid, strict=True))
        if down or right:
            x = F.pad(x, (0, right, 0, down), mode="replicate")
        return x

    def points(self, x: Tensor) -> Tensor:
        """Average the blocks of a padded map (see :meth:`fill`) to ``(B, C, rows, columns)``."""
        return in_blocks(x, self.grid).mean((3, 5))

    def weights(self, points: Tensor) -> Tensor:
        """Predict logarithms of ``w``, ``(B, N, N)`` float32, from ``(B, C, rows, columns)``."""
        place = self.place.to(points.dtype).expand(points.shape[0], -1, -1, -1)
        logits = self.predictor(torch.cat((points, place), 1)).flatten(2).transpose(1, 2)  # u, v
        return doubly_normalized(logits.float() + self.stay, self.rounds)
