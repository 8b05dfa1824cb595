# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from rankseg.models.layers import at_positions


@pytest.mark.parametrize(("pixels", "cells"), [(33, 9), (33, 3), (9, 9)])
def test_points_of_a_grid_from_corner_to_corner(pixels, cells):
    label = torch.arange(2 * pixels * 17).view(2, pixels, 17)
    step = (pixels - 1) // (cells - 1)
    assert torch.equal(at_positions(label, (cells, 17)), label[:, ::step])


def test_one_cell_and_the_nearest_pixel():
    valid = torch.tensor([[[True, False, False, True]]])
    assert at_positions(valid, (1, 1)).tolist() == [[[True]]]
    assert at_positions(valid, (1, 3)).tolist() == [[[True, False, True]]]  # 1.5 is rounded to 2
