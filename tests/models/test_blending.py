# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from rankseg.models.blending import blend, ramp
from rankseg.models.sliding import slide, starts


def whole(predict, image, window, overlap, at_once=3):
    """All rows of :func:`blend`, which must follow each other without a gap."""
    rows, next_row = [], 0
    for y, logits in blend(predict, image, window, overlap, at_once):
        assert y == next_row
        next_row += logits.shape[1]
        rows.append(logits.clone())
    assert next_row == image.shape[1]
    return torch.cat(rows, 1)


@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_weights_rise_in_a_line_and_are_never_zero(overlap):
    weights = ramp(9, overlap)
    assert torch.equal(weights, weights.flip(0)) and weights.max() == 1
    for i in range(overlap):
        assert weights[i] == pytest.approx((i + 1) / (overlap + 1))
    assert (weights[overlap : 9 - overlap] == 1).all()


SIZES = [(40, 31), (17, 50), (16, 16), (7, 5), (33, 12)]


@pytest.mark.parametrize("size", SIZES)
def test_equal_logits_stay_what_they_are_to_the_last_bit(size):
    wanted = torch.tensor([0.1, -1 / 3, 7.7])

    def constant(windows):
        return wanted[None, :, None, None].expand(len(windows), 3, *windows.shape[2:])

    found = whole(constant, torch.zeros(3, *size), (16, 12), (5, 5))
    assert torch.equal(found, wanted[:, None, None].expand(3, *size))


@pytest.mark.parametrize("size", SIZES)
def test_a_network_that_looks_at_one_pixel_needs_no_windows(size):
    torch.manual_seed(0)
    network, image = nn.Conv2d(3, 4, 1).requires_grad_(False), torch.randn(3, *size)
    found = whole(network, image, (16, 12), (5, 5))
    torch.testing.assert_close(found, network(image[None])[0])


@pytest.mark.parametrize("size", SIZES)
def test_the_weighted_mean_of_all_windows_that_hold_a_pixel(size):
    torch.manual_seed(0)
    height, width = min(16, size[0]), min(12, size[1])
    answers = {}

    def predict(windows):
        # another answer in every window, which its place in the image tells
        for one in windows:
            answers.setdefault(tuple(one[:2, 0, 0].long().tolist()), torch.randn(2, height, width))
        return torch.stack([answers[tuple(one[:2, 0, 0].long().tolist())] for one in windows])

    grid = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    found = whole(predict, torch.stack([*grid, grid[0]]).float(), (16, 12), (5, 4))
    total, mean = torch.zeros(size), torch.zeros(2, *size)
    weight = ramp(height, 5)[:, None] * ramp(width, 4)
    for y in starts(size[0], height, 11):
        for x in starts(size[1], width, 8):
            place = ..., slice(y, y + height), slice(x, x + width)
            mean[place] += answers.pop((y, x)) * weight
            total[place] += weight
    assert not answers
    torch.testing.assert_close(found, mean / total)


def test_no_pixel_leaves_the_range_of_its_windows():
    torch.manual_seed(0)
    seen = []

    def predict(windows):
        seen.append(torch.rand(len(windows), 2, *windows.shape[2:]) * 4 + 1)
        return seen[-1]

    found = whole(predict, torch.zeros(3, 64, 70), (16, 16), (12, 12))
    assert found.min() >= 1 and found.max() <= 5
    spread = torch.cat([one.flatten() for one in seen]).std()
    assert found[:, 20:40, 20:40].std() < spread / 2  # an average of several


def test_without_overlap_it_is_the_plain_sliding_window():
    torch.manual_seed(0)
    network, image = nn.Conv2d(3, 2, 3, padding=1).requires_grad_(False), torch.randn(3, 32, 48)
    wanted = slide(network, image[None], (16, 16), (16, 16))[0]
    torch.testing.assert_close(whole(network, image, (16, 16), (0, 0)), wanted)


def test_bands_are_all_that_is_held():
    held = {
        logits.untyped_storage().nbytes()
        for _, logits in blend(
            lambda windows: windows[:, :2], torch.zeros(3, 400, 50), (16, 16), (4, 4)
        )
    }
    assert held == {2 * 16 * 50 * 4}


def test_windows_that_do_not_go_on():
    with pytest.raises(ValueError, match="cannot overlap by .16, 4. pixels"):
        next(blend(lambda windows: windows, torch.zeros(3, 40, 40), (16, 16), (16, 4)))
