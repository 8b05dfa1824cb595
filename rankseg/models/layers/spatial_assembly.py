# SPDX-License-Identifier: Apache-2.0
"""Spatial assembly: the vectors of a feature map go to places that the map itself asks for."""

from collections.abc import Sequence
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rankseg.registry import MODELS

MOST_POINTS = 256  # of 32 images these are weights of 8 MiB, kept for gradients 40 times


def doubly_normalised(logits: Tensor, rounds: int) -> Tensor:
    """Logarithms of weights whose rows and columns sum to 1, in float32 (Sinkhorn).

    Columns, the weights of an output point, do so exactly; rows the better the more rounds.

    Args:
        logits: ``(B, N, N)``, any numbers.
        rounds: How often rows, then columns, are divided by their sums.
    """
    weights = logits.float()
    for _ in range(rounds):
        weights = weights.log_softmax(2).log_softmax(1)
    return weights


def assemble(x: Tensor, weights: Tensor, grid: tuple[int, int]) -> Tensor:
    r"""``G = W^T F``: every output block is a weighted sum of all input blocks.

    Args:
        x: ``F``, ``(B, C, H, W)`` with sides that are multiples of the grid's.
        weights: ``w(u, v)``, ``(B, N, N)``: the share of input block ``u`` in output block ``v``,
            both counted row by row.
        grid: Rows and columns of blocks; ``N`` is their product.

    Returns:
        ``G``, ``(B, C, H, W)`` of the type of ``x``.

    Source: Chapter 5 of the dissertation, eq. 5.4.
    """
    blocks = in_blocks(x, grid)
    _, _, rows, height, columns, width = blocks.shape
    vectors = blocks.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2).flatten(2)
    moved = weights.transpose(1, 2) @ vectors.to(weights.dtype)
    moved = moved.view(-1, rows, columns, blocks.shape[1], height, width)
    return moved.permute(0, 3, 1, 4, 2, 5).reshape(x.shape).to(x.dtype)


def in_blocks(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """``(B, C, H, W)`` as ``(B, C, rows, H / rows, columns, W / columns)``."""
    rows, columns = grid
    size = x.shape
    return x.view(size[0], size[1], rows, size[2] // rows, columns, size[3] // columns)


@MODELS.register_module()
class SpatialAssembly(nn.Module):
    r"""Spatial assembly network: predicts assembly weights from a feature map, and applies them.

    .. math:: G(v, c) = \sum_u w(u, v) \, F(u, c), \quad
        \sum_u w(u, v) = \sum_v w(u, v) = 1, \quad w > 0

    A larger map than the grid is moved block by block: the number of weights is
    ``(rows * columns)^2`` whatever the image. Sides that are no multiple of the grid's are padded
    with their last values, and cut again.

    What follows has to look at positions: the mean over a map, and so a head that pools it at
    once, does not change with such weights. So the place is before the last convolutions of more
    than one position, see :class:`~rankseg.models.extended_segmentor.ExtendedSegmentor`.

    The dissertation does not tell how weights are predicted and normalised. Here a 1x1 and a 3x3
    convolution of ``hidden_channels`` and a last 1x1 one give ``N`` logits for every point, which
    Sinkhorn's method normalises. They see the place of a point along with its feature: without, on
    an even map all points would ask for the same places, and no neighbours could move together, as
    local coherence wants. The last one begins with zeros, and a constant for a point's own
    place makes ``start`` of its weight stay there: at first features are almost what a pretrained
    network expects.

    While :class:`~rankseg.models.assembly_terms.AssemblyTerms` watches, every pass with gradients
    is noted in ``seen``, for :math:`L_\Phi`, of which this module holds the weights. The terms are
    means over the ``N`` points, in the equations sums, so that weights serve any grid. All of them
    are 0 at the identity: too large weights hold the network there.

    Args:
        in_channels: ``C``.
        grid: Rows and columns of points, or one number for both; at most 256 points.
        hidden_channels: Of the predictor. Unpublished.
        start: Weight that a point's own place begins with, between ``1 / N`` and 1. Unpublished.
        rounds: Of the normalisation. Unpublished.
        entropy_weight: ``lambda_1`` of eq. 5.12. Unpublished, as are the next two.
        correlation_weight: ``lambda_2``.
        coherence_weight: ``lambda_3``.

    Shape:
        - input and output: ``(B, C, H, W)``

    Raises:
        ValueError: If an option is out of its range, channels are others than ``in_channels``, or
            a map in training has fewer points than the grid.

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
                f"SpatialAssembly: grid={grid}: expected rows and columns of 2 to {MOST_POINTS} "
                "points in all, since every point has a weight for every other"
            )
        weights = entropy_weight, correlation_weight, coherence_weight
        if not 1 / points < start < 1 or rounds < 1 or min(weights) < 0:
            raise ValueError(
                f"SpatialAssembly: start={start}, rounds={rounds}, weights of the terms {weights}: "
                f"expected start between 1 / {points} and 1, a round at least, and no negative "
                "weight"
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
        self.seen: list[tuple[Tensor, Tensor]] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Reassemble a feature map."""
        height, width = x.shape[2:]
        x = self.fill(x)
        points = self.points(x)
        log_weights = self.weights(points)
        if self.seen is not None and torch.is_grad_enabled():
            self.seen.append((log_weights, points))
        return assemble(x, log_weights.exp(), self.grid)[..., :height, :width]

    def fill(self, x: Tensor) -> Tensor:
        """A map padded to multiples of the grid."""
        sides = x.shape[2:]
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f"SpatialAssembly: in_channels={self.in_channels}, but the feature map has "
                f"{x.shape[1]}: set in_channels={x.shape[1]}"
            )
        if self.training and any(side < n for side, n in zip(sides, self.grid, strict=True)):
            raise ValueError(
                f"SpatialAssembly: grid={self.grid}, but the feature map has {tuple(sides)} points:"
                f" set grid={tuple(sides)} or less"
            )
        down, right = (-side % n for side, n in zip(sides, self.grid, strict=True))
        if down or right:
            x = F.pad(x, (0, right, 0, down), mode="replicate")
        return x

    def points(self, x: Tensor) -> Tensor:
        """``(B, C, rows, columns)``: means over the blocks of a map that :meth:`fill` gave."""
        return in_blocks(x, self.grid).mean((3, 5))

    def weights(self, points: Tensor) -> Tensor:
        """Logarithms of ``w``, ``(B, N, N)`` float32, of a map ``(B, C, rows, columns)``."""
        place = self.place.to(points.dtype).expand(points.shape[0], -1, -1, -1)
        logits = self.predictor(torch.cat((points, place), 1)).flatten(2).transpose(1, 2)  # u, v
        return doubly_normalised(logits.float() + self.stay, self.rounds)
