# SPDX-License-Identifier: Apache-2.0
"""Attention consistency: maps of two views, compared at corresponding points.

Coordinates ``(x, y)`` are normalized: -1 and 1 are the borders of a view, with x to the right and y
down. They are therefore the same for an image and all its feature maps.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

NEAR = 1e-3  # smallest depth of a point in front of the camera


def cell_centers(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """Return normalized ``(x, y)`` cell centers of a map, ``(height * width, 2)`` float32.

    >>> cell_centers(1, 2).tolist()
    [[-0.5, 0.0], [0.5, 0.0]]
    """
    rows, columns = (
        (2 * torch.arange(count, device=device) + 1) / count - 1 for count in (height, width)
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((x, y), -1).flatten(0, 1)


def map_points(homography: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Map points ``(P, 2)`` of the first view to the second one by homographies ``(B, 3, 3)``.

    Return ``(B, P, 2)`` points, and ``(B, P)`` bool, False for points behind the camera, whose
    position is meaningless.
    """
    mapped = F.pad(points, (0, 1), value=1.0) @ homography.transpose(1, 2)
    depth = mapped[..., 2]
    front = depth > NEAR
    return mapped[..., :2] / torch.where(front, depth, 1.0)[..., None], front


def sample_mapped(second: Tensor, homography: Tensor, size: tuple[int, int]) -> tuple[Tensor, ...]:
    """Sample a map of the second view at the cells of the first view.

    Args:
        second: ``(B, C, h', w')`` float32.
        homography: ``(B, 3, 3)`` float32, from the first to the second view.
        size: Height and width ``(h, w)`` of the first view's map.

    Returns:
        ``(B, C, h, w)`` by bilinear interpolation, and ``(B, 1, h, w)`` bool, False outside the
        second view and closer to its border than the outermost cell centers, where interpolation is
        not possible.
    """
    height, width = second.shape[2:]
    place, front = map_points(homography, cell_centers(*size, second.device))
    # The tolerance keeps the outermost centers of an unchanged view inside despite rounding.
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
    r"""Compute the squared difference of the attention of two views at corresponding points.

    .. math::
        L_{TAC} = \frac{1}{|V|} \sum_{(n, u, v) \in V}
        \big| M_n(u, v) \, \Gamma_n(u, v) - M'_n \Gamma'_n (T_u(u, v), T_v(u, v)) \big|^2

    :math:`V` are the points of the first views that are inside the second ones. Without masks,
    :math:`\Gamma = 1`, this is eq. 4.2. The paper has a sum instead of the mean and does not define
    how to handle points outside. The cells of a map are assumed to divide its view evenly; strided
    convolutions shift them by up to half a cell to the upper left, equally in both views. Eq. 4.6
    of the paper has masks and no :math:`T`: it equals this loss with an identity ``homography``.

    Args:
        first: ``M``, ``(B, 1, h, w)``.
        second: ``M'``, ``(B, 1, h', w')``.
        homography: ``T``, ``(B, 3, 3)``, from normalized coordinates of the first view to the
            second.
        first_mask: ``Gamma``, ``(B, 1, h, w)``.
        second_mask: ``Gamma'``, ``(B, 1, h', w')``.

    Returns:
        ``()`` float32; 0 if no point of a view is inside the other.

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
    r"""Compute the mask of keypoint neighborhoods.

    .. math::
        \Gamma(u, v) = \sum_i \exp \Big( -\frac{(u - u_i)^2 + (v - v_i)^2}{2 \sigma^2} \Big)

    Args:
        points: ``(B, N, 2)`` normalized ``(x, y)``; points that are not finite are ignored.
        size: Height and width ``(h, w)`` of the mask.
        sigma: Width of a neighborhood, in units of half the side of a view; :math:`\sigma_u =
            \sigma_v` in the paper.

    Returns:
        ``(B, 1, h, w)`` float32; 1 everywhere for a view without keypoints.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), eq. 4.4 and 4.5.
    """
    there = points.isfinite().all(-1)
    cells = cell_centers(*size, points.device)
    gap = cells[:, None] - torch.where(there[..., None], points, 0.0).float()[:, None]
    near = torch.exp(-gap.square().sum(-1) / (2 * sigma**2)) * there[:, None]
    mask = torch.where(there.any(1, keepdim=True), near.sum(-1), 1.0)
    return mask.view(-1, 1, *size)
