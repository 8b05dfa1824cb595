# SPDX-License-Identifier: Apache-2.0
"""CutMix against pasting at full size, and MixUp against slow loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rankseg.models import mixing
from rankseg.models.mixing import CutMix, cutmix_boxes, draw_mixup, mixup, paste, sharpen


def paste_at_full_size(target, source, boxes, size):
    """Upsample to the image, paste there, sample back: what the released code does."""
    large, other = (
        F.interpolate(x, (size, size), mode="bilinear", align_corners=True)
        for x in (target, source)
    )
    for image, content, (x1, y1, x2, y2) in zip(large, other, boxes.tolist(), strict=True):
        image[:, y1:y2, x1:x2] = content[:, y1:y2, x1:x2]
    return F.interpolate(large, target.shape[2:], mode="bilinear", align_corners=True)


@pytest.mark.parametrize("cells", [3, 5, 9])
def test_features_equal_pasting_at_full_size_to_the_bit(cells):
    size = 16 * (cells - 1) + 1
    target, source = torch.randn(2, 20, 3, cells, cells)
    boxes = cutmix_boxes(20, (size, size), probability=0.8)
    wanted = paste_at_full_size(target.clone(), source, boxes, size)
    assert torch.equal(paste(target, source, boxes, size), wanted)


def test_images_labels_and_masks():
    boxes = torch.tensor([[1, 0, 3, 2], [0, 0, 0, 0]])
    target, source = torch.zeros(2, 4, 5), torch.ones(2, 4, 5)
    wanted = torch.zeros(2, 4, 5)
    wanted[0, 0:2, 1:3] = 1
    for dtype in (torch.float32, torch.int64, torch.bool, torch.uint8):
        found = paste(target.to(dtype), source.to(dtype), boxes, (4, 5))
        assert found.dtype == dtype and torch.equal(found, wanted.to(dtype))
    images = (x[:, None].expand(-1, 3, -1, -1) for x in (target, source))
    assert torch.equal(paste(*images, boxes, (4, 5)), wanted[:, None].expand(-1, 3, -1, -1))


def test_whole_image_and_nothing():
    target, source = torch.zeros(2, 1, 3, 3), torch.ones(2, 1, 3, 3)
    boxes = torch.tensor([[0, 0, 33, 33], [0, 0, 0, 0]])
    assert paste(target, source, boxes, 33).mean((1, 2, 3)).tolist() == [1, 0]


def test_a_single_cell_lies_in_the_middle():
    target, source = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    boxes = torch.tensor([[0, 0, 17, 17], [0, 0, 16, 16], [16, 16, 33, 33]])
    assert paste(target, source, boxes, 33).flatten().tolist() == [1, 0, 1]


def test_inputs_are_left_alone():
    target, source = torch.zeros(1, 3, 3), torch.ones(1, 3, 3)
    paste(target, source, torch.tensor([[0, 0, 3, 3]]), 3)
    assert target.sum() == 0 and source.sum() == 9


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="target and source of the same shape"):
        paste(torch.zeros(1, 3, 3), torch.zeros(1, 3, 4), torch.zeros(1, 4).long(), 3)


def test_boxes_have_the_stated_distribution():
    torch.manual_seed(0)
    height, width = 200, 300
    boxes = cutmix_boxes(2000, (height, width))
    x1, y1, x2, y2 = boxes.T
    drawn = boxes.any(1)
    assert drawn.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert (x1 >= 0).all() and (y1 >= 0).all() and (x2 <= width).all() and (y2 <= height).all()
    area = ((x2 - x1) * (y2 - y1) / (height * width))[drawn]
    aspect = ((y2 - y1) / (x2 - x1))[drawn]
    assert 0.018 < area.min() < 0.03 and 0.35 < area.max() < 0.401
    assert 0.28 < aspect.min() < 0.4 and 2.4 < aspect.max() < 3.5


def test_ends_where_no_box_fits():
    assert cutmix_boxes(3, (4, 400), probability=1, area=(0.4, 0.4)).sum() == 0


def test_probability_bounds():
    assert cutmix_boxes(50, (33, 33), probability=0).sum() == 0
    assert cutmix_boxes(50, (33, 33), probability=1).any(1).all()


def test_published_values(shared):
    data = np.load(shared / "golden" / "feature_cutmix_a.npz")
    feat, mix, boxes = (torch.tensor(data[key]) for key in ("feat", "mix", "boxes_xyxy"))
    assert np.array_equal(paste(feat, mix, boxes, int(data["image_size"])), data["out"])


def test_cutmix_pastes_images_and_maps_alike():
    torch.manual_seed(0)
    numbers = torch.arange(4.0)[:, None, None].expand(4, 33, 33)
    images, label = CutMix()(numbers[:, None].repeat(1, 3, 1, 1), numbers.long())
    assert torch.equal(images[:, 0].long(), label) and label.dtype == torch.int64
    for mine, image in enumerate(label):  # three boxes, all of the image before it
        assert set(image.unique().tolist()) == {mine, (mine - 1) % 4}
    assert numbers.equal(torch.arange(4.0)[:, None, None].expand(4, 33, 33))


def test_cutmix_shares_an_area_between_its_boxes(monkeypatch):
    drawn = []
    inner = cutmix_boxes
    monkeypatch.setattr(mixing, "cutmix_boxes", lambda *a: drawn.append(inner(*a)) or drawn[-1])
    for _ in range(100):
        CutMix(boxes=3, area=(0.25, 0.5))(torch.zeros(2, 1, 257, 257))
    boxes = torch.cat(drawn)
    area = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])) / 257**2
    assert len(boxes) == 600 and area.min() > 0.078 and area.max() <= 1 / 6
    assert area.mean() == pytest.approx(0.125, abs=0.005)


def test_cutmix_of_one_image_and_by_chance():
    image = torch.randn(1, 3, 33, 33)
    assert torch.equal(CutMix()(image)[0], image)  # there is no other to paste from
    images = torch.randn(200, 1, 9, 9)
    changed = (CutMix(boxes=1, probability=0.3)(images)[0] != images).flatten(1).any(1)
    assert 0.15 < changed.float().mean() < 0.45


@pytest.mark.parametrize(
    "options", [dict(boxes=0), dict(area=(0.0, 0.5)), dict(area=(0.2, 1.5)), dict(probability=2)]
)
def test_bad_cutmix(options):
    with pytest.raises(ValueError, match="model.cutmix .*got dict"):
        CutMix(**options)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 2.0])
def test_sharpening_equals_the_equation(temperature):
    probability = torch.randn(6, 4).softmax(1)
    wanted = torch.empty(6, 4)
    for b in range(6):
        powers = [p ** (1 / temperature) for p in probability[b].tolist()]
        wanted[b] = torch.tensor([power / sum(powers) for power in powers])
    torch.testing.assert_close(sharpen(probability, temperature), wanted)


def test_sharpening_keeps_ties_and_certainty():
    probability = torch.tensor([[0.4, 0.4, 0.2], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    found = sharpen(probability, 0.01)
    torch.testing.assert_close(
        found, torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    )
    many = sharpen(torch.full((1, 1000), 1e-3, dtype=torch.bfloat16), 0.01)  # 1e-300 of each
    assert many.dtype == torch.float32 and many.isfinite().all()


def test_shares_are_of_a_beta_distribution_and_at_least_a_half():
    share, partner = draw_mixup(20_000, 0.75)
    assert share.min() >= 0.5 and share.max() <= 1
    assert sorted(partner.tolist()) == list(range(20_000))
    # |2 lambda - 1| has the same second moment for max(lambda, 1 - lambda): 4 var of Beta(a, a)
    assert (2 * share - 1).square().mean().item() == pytest.approx(1 / (2 * 0.75 + 1), abs=0.01)
    assert len(share.unique()) > 15_000  # one for every image


def test_draws_belong_to_the_seed():
    torch.manual_seed(5)
    first = draw_mixup(10, 0.75)
    torch.manual_seed(5)
    second = draw_mixup(10, 0.75)
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_one_image_is_mixed_with_itself():
    share, partner = draw_mixup(1, 0.75)
    image = torch.randn(1, 3, 2, 2)
    torch.testing.assert_close(mixup(image, share, partner), image)


@pytest.mark.parametrize("shape", [(5, 3, 2, 2), (5, 4)])
def test_images_and_labels_are_mixed_row_by_row(shape):
    values, (share, partner) = torch.randn(shape), draw_mixup(5, 0.75)
    before = values.clone()
    found = mixup(values, share, partner)
    for i in range(5):
        wanted = share[i] * values[i] + (1 - share[i]) * values[partner[i]]
        torch.testing.assert_close(found[i], wanted)
    assert torch.equal(values, before)
