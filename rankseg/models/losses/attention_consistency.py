# SPDX-License-Identifier: Apache-2.0
"""Attention that moves with the image: maps of two views compared at points that correspond.

Coordinates ``(x, y)`` are normalized: -1 and 1 are the borders of a view, x to the right, y
down, so that they are the same for an image and for any of its feature maps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

NEAR = 1e-3  # depth below which a point of a perspective view is behind the eye, or about there


def cell_centres(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """Normalized ``(x, y)`` of the centers of all cells of a map, ``(height * width, 2)`` float32.

    >>> cell_centres(1, 2).tolist()
    [[-0.5, 0.0], [0.5, 0.0]]
    """
    rows, columns = (
        (2 * torch.arange(count, device=device) + 1) / count - 1 for count in (height, width)
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((x, y), -1).flatten(0, 1)


def map_points(homography: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Where points of the first view are in the second one.

    Args:
        homography: ``(B, 3, 3)``, of normalized coordinates.
        points: ``(P, 2)``.

    Returns:
        ``(B, P, 2)``, and ``(B, P)`` bool: false for points behind the eye, whose place is
        meaningless.
    """
    mapped = F.pad(points, (0, 1), value=1.0) @ homography.transpose(1, 2)
    depth = mapped[..., 2]
    front = depth > NEAR
    return mapped[..., :2] / torch.where(front, depth, 1.0)[..., None], front


def sample_mapped(second: Tensor, homography: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
    """A map of the second view, as the first view has it.

    Args:
        second: ``(B, C, h', w')`` float32.
        homography: ``(B, 3, 3)`` float32, from the first to the second view.
        size: Height and width ``(h, w)`` of the first view's map.

    Returns:
        ``(B, C, h, w)`` by bilinear interpolation, and ``(B, 1, h, w)`` bool: false outside of the
        second view, and nearer to its border than the centers of its outermost cells, where nothing
        is to be interpolated between.
    """
    height, width = second.shape[2:]
    place, front = map_points(homography, cell_centres(*size, second.device))
    # of an unchanged view the outermost centers stay inside, whatever the rounding
    inside = front
    for axis, count in enumerate((width, height)):
        inside = inside & (place[..., axis].abs() <= 1 - 1 / count + 1e-4)
    sampled = F.grid_sample(
        second, place.view(-1, *size, 2), padding_mode="border", align_corners=False
    )
    return sampled, inside.view(-1, 1, *size)


def attention_consistency(
    first: Tensor,
    second: Tensor,
    homography: Tensor,
    first_mask: Tensor | None = None,
    second_mask: Tensor | None = None,
) -> Tensor:
    r"""Squared difference of the attention of two views at points that correspond.

    .. math::
        L_{TAC} = \frac{1}{|V|} \sum_{(n, u, v) \in V}
        \big| M_n(u, v) \, \Gamma_n(u, v) - M'_n \Gamma'_n (T_u(u, v), T_v(u, v)) \big|^2

    :math:`V` are the points of the first views that lie inside of the second ones; without masks
    :math:`\Gamma = 1`, eq. 4.2. The paper has a sum in place of the mean and does not say what is
    done with points outside. The cells of a map are taken to divide its view evenly; strided
    convolutions put them up to half a cell nearer to the upper left, in both views alike. Its
    eq. 4.6 has masks and no :math:`T`: it is this with
    ``homography`` the identity.

    Args:
        first: ``M``, ``(B, 1, h, w)``.
        second: ``M'``, ``(B, 1, h', w')``.
        homography: ``T``, ``(B, 3, 3)``, from normalized coordinates of the first view to those of
            the second.
        first_mask: ``Gamma``, ``(B, 1, h, w)``.
        second_mask: ``Gamma'``, ``(B, 1, h', w')``.

    Returns:
        ``()`` float32; 0 where no view has a point in the other.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), eq. 4.2 and 4.6.
    """
    with torch.autocast(first.device.type, enabled=False):
        first, second = first.float(), second.float()
        if first_mask is not None:
            first, second = first * first_mask, second * second_mask
        mapped, inside = sample_mapped(second, homography.float(), first.shape[2:])
        error = (first - mapped).square() * inside
        return error.sum() / inside.sum().clamp(min=1)


def keypoint_mask(points: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    r"""Neighborhoods of keypoints.

    .. math::
        \Gamma(u, v) = \sum_i \exp \Big( -\frac{(u - u_i)^2 + (v - v_i)^2}{2 \sigma^2} \Big)

    Args:
        points: ``(B, N, 2)`` normalized ``(x, y)``; those that are not finite are none.
        size: Height and width ``(h, w)`` of the mask.
        sigma: Width of a neighborhood, in half sides of a view; the paper's :math:`\sigma_u =
            \sigma_v`.

    Returns:
        ``(B, 1, h, w)`` float32; 1 everywhere for a view without keypoints.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), eq. 4.4 and 4.5.
    """
    there = points.isfinite().all(-1)
    cells = cell_centres(*size, points.device)
    gap = cells[:, None] - torch.where(there[..., None], points, 0.0).float()[:, None]
    near = torch.exp(-gap.square().sum(-1) / (2 * sigma**2)) * there[:, None]
    mask = torch.where(there.any(1, keepdim=True), near.sum(-1), 1.0)
    return mask.view(-1, 1, *size)
