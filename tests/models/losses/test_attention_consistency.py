# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

from rankseg.datasets.transforms.homography import MIRROR, box, perspective, rotation
from rankseg.models.losses import attention_consistency, keypoint_mask
from rankseg.models.losses.attention_consistency import cell_centers, map_points

TRANSFORMS = {  # from the second view into the first
    "the same": np.eye(3),
    "mirrored": MIRROR,
    "a part": box(0.2, -0.3, 0.5, 0.6),
    "turned": rotation(35),
    "a quarter turn": rotation(90),
    "nearer": box(0, 0, 0.7, 0.7),
    "farther": box(0, 0, 1.4, 1.4),
    "in perspective": perspective([[0.3, 0.1], [-0.2, 0.2], [0.1, -0.3], [0.0, 0.2]]),
    "all": rotation(20) @ box(0.1, 0.2, 0.8, 0.7) @ perspective([[0.2, 0]] * 2 + [[0, -0.1]] * 2),
}


def smooth(points):
    """Attention as a function of ``(..., 2)`` coordinates of the first view."""
    x, y = points[..., 0], points[..., 1]
    return 0.5 + 0.3 * np.sin(1.5 * x + 0.4) * np.cos(1.2 * y) + 0.15 * y


def smooth_map(size, to_first=None):
    """That, as a view shows it: ``(1, 1, size, size)``."""
    points = cell_centers(size, size).double().numpy()
    if to_first is not None:
        points = np.hstack([points, np.ones((len(points), 1))]) @ to_first.T
        points = points[:, :2] / points[:, 2:]
    return torch.from_numpy(smooth(points)).float().view(1, 1, size, size)


def mapped(to_first):
    return torch.from_numpy(np.linalg.inv(to_first)).float()[None]


def slow(first, second, homography, masks=None):
    """The definition, point by point, in float64."""
    total, count = 0.0, 0
    if masks is not None:
        first, second = first * masks[0], second * masks[1]
    (height, width), (rows, columns) = first.shape[2:], second.shape[2:]
    for n in range(len(first)):
        for i in range(height):
            for j in range(width):
                x, y = (2 * j + 1) / width - 1, (2 * i + 1) / height - 1
                p = [sum(row[k] * (x, y, 1)[k] for k in range(3)) for row in homography[n].tolist()]
                if p[2] <= 1e-3:
                    continue
                column = ((p[0] / p[2] + 1) * columns - 1) / 2
                row = ((p[1] / p[2] + 1) * rows - 1) / 2
                if not (0 <= row <= rows - 1 and 0 <= column <= columns - 1):
                    continue
                top, left = min(math.floor(row), rows - 2), min(math.floor(column), columns - 2)
                a, b = row - top, column - left
                found = sum(
                    wa * wb * second[n, 0, top + da, left + db]
                    for da, wa in ((0, 1 - a), (1, a))
                    for db, wb in ((0, 1 - b), (1, b))
                )
                total, count = total + (first[n, 0, i, j] - found) ** 2, count + 1
    return total / max(count, 1)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_zero_where_attention_moves_with_the_view_and_large_where_it_does_not(name):
    to_first = TRANSFORMS[name]
    first, second = smooth_map(56), smooth_map(56, to_first)
    # what bilinear interpolation leaves: square of a quarter of the largest bend of a cell
    assert attention_consistency(first, second, mapped(to_first)) < 2e-7
    assert attention_consistency(first, 1 - second, mapped(to_first)) > 1e-2
    if name != "the same":  # attention that stays where it is in the view
        assert attention_consistency(first, first, mapped(to_first)) > 1e-3
        assert attention_consistency(first, second, torch.eye(3)[None]) > 1e-3
        if name != "mirrored":  # its own inverse
            wrong = torch.from_numpy(to_first)[None]
            assert attention_consistency(first, second, wrong) > 1e-3


@pytest.mark.parametrize("name", ["the same", "mirrored", "a quarter turn"])
def test_exactly_zero_where_cells_fall_on_cells_and_the_rim_counts(name):
    turn = {"the same": torch.clone, "mirrored": lambda x: x.flip(3)}
    second = torch.rand(2, 1, 7, 7)
    first = turn.get(name, lambda x: x.rot90(-1, (2, 3)))(second)
    homography = mapped(TRANSFORMS[name]).expand(2, 3, 3)
    assert attention_consistency(first, second, homography) < 1e-12
    first[1, 0, 0, 0] += 1
    assert attention_consistency(first, second, homography).item() == pytest.approx(
        1 / 98, rel=1e-4
    )


@pytest.mark.parametrize("masked", [False, True])
def test_value_and_gradient_equal_the_definition(masked):
    torch.manual_seed(0)
    names = ("all", "farther", "in perspective", "a part")
    homography = torch.cat([mapped(TRANSFORMS[name]) for name in names])
    first, second = torch.rand(4, 1, 5, 4), torch.rand(4, 1, 6, 7)
    masks = (torch.rand(4, 1, 5, 4), torch.rand(4, 1, 6, 7)) if masked else None
    pairs = [
        [x.detach().to(kind).requires_grad_() for x in (first, second)]
        for kind in (torch.float32, torch.float64)
    ]
    found = attention_consistency(*pairs[0], homography, *(masks or ()))
    wanted = slow(*pairs[1], homography.double(), masks)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-4)
    for one, other in zip(
        torch.autograd.grad(found, pairs[0]), torch.autograd.grad(wanted, pairs[1]), strict=True
    ):
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-5)
        assert one.abs().sum() > 0


def test_what_lies_outside_of_the_other_view_does_not_count():
    first, second = smooth_map(28), smooth_map(28, TRANSFORMS["a part"])
    before = attention_consistency(first, second, mapped(TRANSFORMS["a part"]))
    first[..., :4] += 5  # the part begins at x = -0.3
    assert attention_consistency(first, second, mapped(TRANSFORMS["a part"])) == before


def test_points_behind_the_eye_do_not_count():
    homography = torch.tensor([[[1.0, 0, 0], [0, 1, 0], [2, 0, 1]]])  # depth 1 + 2 x
    place, front = map_points(homography, torch.tensor([[0.5, 0.1], [-0.5, 0.0], [-0.9, 0.0]]))
    assert front.tolist() == [[True, False, False]] and place.isfinite().all()
    torch.testing.assert_close(place[0, 0], torch.tensor([0.25, 0.05]))
    first = torch.rand(1, 1, 6, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        attention_consistency(first, torch.rand(1, 1, 6, 6), homography), first
    )
    assert (gradient[..., :2] == 0).all() and gradient.abs().sum() > 0


def test_views_that_show_nothing_in_common_give_zero():
    first, second = (torch.rand(2, 1, 7, 7, requires_grad=True) for _ in range(2))
    loss = attention_consistency(first, second, mapped(box(5, 0, 1, 1)).expand(2, 3, 3))
    loss.backward()
    assert loss == 0 and first.grad.eq(0).all() and second.grad.eq(0).all()


def test_a_pair_counts_by_the_points_it_has():
    """Of two pairs, one with 4 of 16 points inside, the mean is over 20 points."""
    first, second = torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    first[1] = 3
    half = torch.tensor(box(0.5, 0.5, 0.5, 0.5))  # the lower right quarter of the first view
    homography = torch.stack((torch.eye(3).double(), torch.linalg.inv(half)))
    assert attention_consistency(first, second, homography).item() == pytest.approx(
        (16 + 4 * 9) / 20
    )


def test_half_precision_is_compared_in_float32():
    first = smooth_map(7).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = attention_consistency(first, first, torch.eye(3)[None])
    assert loss.dtype == torch.float32 and loss < 1e-10


# --- keypoints


def slow_mask(points, size, sigma):
    mask = np.ones(size)
    there = [p for p in points if np.isfinite(p).all()]
    for i in range(size[0]) if there else ():
        for j in range(size[1]):
            u, v = (2 * j + 1) / size[1] - 1, (2 * i + 1) / size[0] - 1
            mask[i, j] = sum(
                math.exp(-((u - a) ** 2) / (2 * sigma**2) - (v - b) ** 2 / (2 * sigma**2))
                for a, b in there
            )
    return mask


def test_masks_equal_the_equation():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (4, 5, 2)).astype(np.float32)
    points[1, 2:] = np.nan
    points[2] = np.nan  # none at all
    points[3, :, 0] = np.inf
    found = keypoint_mask(torch.from_numpy(points), (5, 7), 0.4)
    assert found.shape == (4, 1, 5, 7)
    for row, some in zip(found, points, strict=True):
        np.testing.assert_allclose(row[0], slow_mask(some, (5, 7), 0.4), rtol=1e-4, atol=1e-6)
    assert found[2].eq(1).all() and found[3].eq(1).all()
    assert found[0, 0].argmax() != found[1, 0].argmax()


def test_attention_away_from_keypoints_does_not_count():
    points = torch.tensor([[[-0.7, -0.7], [-0.6, -0.8]]])
    mask = keypoint_mask(points, (14, 14), 0.1)
    first, second = torch.rand(2, 1, 1, 14, 14)
    second[..., :6, :6] = first[..., :6, :6]
    assert attention_consistency(first, second, torch.eye(3)[None]) > 0.05
    assert attention_consistency(first, second, torch.eye(3)[None], mask, mask) < 1e-6
