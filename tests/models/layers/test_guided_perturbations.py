# SPDX-License-Identifier: Apache-2.0
"""What is removed follows the predicted classes."""

import pytest
import torch

from rankseg.models.layers import GuidedCutout, MaskContext, MaskObjects

LABEL = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0]])


def classes_of(label, count=3):
    return torch.stack([label == number for number in range(count)], 1)


@pytest.fixture
def feature():
    torch.manual_seed(0)
    return torch.randn(2, 5, 3, 4) + 9


def test_objects_and_context_are_the_two_halves(feature):
    classes = classes_of(torch.stack((LABEL, 0 * LABEL)))
    objects = MaskObjects()(feature, classes, None)
    context = MaskContext()(feature, classes, None)
    assert torch.equal(objects + context, feature)
    for y in range(3):
        for x in range(4):
            gone = objects if LABEL[y, x] > 0 else context
            assert not gone[0, :, y, x].any()
    assert torch.equal(objects[1], feature[1]) and not context[1].any()  # nothing but background


def test_another_background_and_none(feature):
    classes = classes_of(LABEL[None])
    kept = MaskObjects(background=1)(feature[:1], classes, None)[0].any(0)
    assert torch.equal(kept, LABEL == 1)
    assert not MaskObjects(background=None)(feature[:1], classes, None).any()
    assert MaskContext(background=None)(feature[:1], classes, None).equal(feature[:1])


def box_of(kept):
    """First and last row and column that were set to zero."""
    rows, columns = (~kept).any(1).nonzero().flatten(), (~kept).any(0).nonzero().flatten()
    return rows[0].item(), rows[-1].item(), columns[0].item(), columns[-1].item()


def test_a_box_inside_the_bounding_box_of_each_class():
    label = torch.zeros(1, 40, 40, dtype=torch.long)
    label[:, 5:15, 10:30], label[:, 30:40, 0:5] = 1, 2
    label[:, 7:9, 12:20] = 0  # a hole changes nothing
    feature, starts = torch.ones(1, 4, 40, 40), set()
    for seed in range(60):
        torch.manual_seed(seed)
        kept = GuidedCutout(0.4)(feature, classes_of(label), None)[0, 0].bool()
        top, bottom, left, right = box_of(kept[:20])
        assert (bottom - top, right - left) == (3, 7)
        assert top >= 5 and bottom <= 14 and left >= 10 and right <= 29
        assert not kept[top : bottom + 1, left : right + 1].any()
        starts.add((top, left))
        below = box_of(kept[20:])
        assert (below[1] - below[0], below[3] - below[2]) == (3, 1) and below[0] >= 10
        assert (~kept).sum() == 4 * 8 + 4 * 2  # and nothing else
    rows, columns = zip(*starts, strict=True)
    assert set(rows) == set(range(5, 12)) and len(set(columns)) > 8


def test_cutout_of_nothing_of_one_cell_and_of_all():
    feature = torch.ones(1, 4, 6, 6)
    nothing = classes_of(torch.zeros(1, 6, 6))
    assert GuidedCutout()(feature, nothing, None).equal(feature)
    one = torch.zeros(1, 6, 6)
    one[0, 2, 3] = 1
    gone = GuidedCutout()(feature, classes_of(one), None)[0, 0] == 0
    assert gone.nonzero().tolist() == [[2, 3]]
    everywhere = classes_of(torch.ones(1, 6, 6))
    assert not GuidedCutout(1.0)(feature, everywhere, None).any()


@pytest.mark.parametrize("kind", [GuidedCutout, MaskContext, MaskObjects])
def test_types_stay_and_gradients_pass(kind):
    label = torch.zeros(2, 6, 6)
    label[:, :3] = 1
    for dtype in (torch.float32, torch.bfloat16):
        mine = torch.ones(2, 4, 6, 6, dtype=dtype).requires_grad_()
        found = kind()(mine, classes_of(label), None)
        found.float().sum().backward()
        assert found.dtype == dtype and torch.equal(mine.grad, found.detach())


def test_bad_share():
    with pytest.raises(ValueError, match="erase=0"):
        GuidedCutout(0)
