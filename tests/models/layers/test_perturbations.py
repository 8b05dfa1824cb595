# SPDX-License-Identifier: Apache-2.0
"""Feature perturbations on feature maps, against slow loops."""

import pytest
import torch

from rankseg.models.layers import (
    ChannelDropout,
    FeatureDrop,
    FeatureNoise,
    GuidedCutout,
    MaskContext,
    MaskObjects,
    PerturbedFeatures,
    VirtualAdversarial,
)
from rankseg.models.layers.perturbations import unit_vectors


@pytest.fixture
def feature():
    torch.manual_seed(0)
    return torch.randn(4, 64, 9, 9).relu()


def test_noise_is_a_factor_of_every_value(feature):
    found = FeatureNoise(0.3)(feature, None, None)
    factor = (found / feature)[feature > 0]
    assert 0.7 <= factor.min() < 0.701 and 1.299 < factor.max() <= 1.3
    assert abs(factor.mean() - 1) < 0.01 and not found[feature == 0].any()
    assert FeatureNoise(0.0)(feature, None, None).equal(feature)


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
def test_the_strongest_positions_are_dropped(feature, share):
    found = FeatureDrop(share, share)(feature, None, None)
    for mine, image in zip(found, feature, strict=True):
        strength = [[image[:, y, x].mean().item() for x in range(9)] for y in range(9)]
        largest = max(map(max, strength))
        for y in range(9):
            for x in range(9):
                kept = strength[y][x] < share * largest
                assert mine[:, y, x].equal(image[:, y, x] if kept else torch.zeros(64))


def test_images_are_dropped_by_shares_of_their_own():
    line = torch.linspace(0, 1, 1001).expand(200, 1, 1, -1)
    kept = (FeatureDrop()(line, None, None) > 0).sum(3).flatten() / 1000
    assert 0.59 < kept.min() < 0.62 and 0.88 < kept.max() < 0.91


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_features_without_a_strongest_position_are_zero(value):
    assert not FeatureDrop()(torch.full((1, 2, 3, 3), value), None, None).any()


def test_whole_channels_are_dropped(feature):
    torch.manual_seed(0)
    feature = feature + 1
    found = ChannelDropout(0.25)(feature, None, None)
    dropped = (found == 0).all(3).all(2)
    assert dropped.float().mean() == pytest.approx(0.25, abs=0.08)
    assert not dropped[0].equal(dropped[1])
    torch.testing.assert_close(found[~dropped], feature[~dropped] / 0.75)


@pytest.mark.parametrize("kind", [FeatureNoise, FeatureDrop, ChannelDropout])
def test_types_stay_and_gradients_pass(feature, kind):
    for dtype in (torch.float32, torch.bfloat16):
        mine = feature.clone().to(dtype).requires_grad_()
        found = kind()(mine, None, None)
        found.float().sum().backward()
        assert found.dtype == dtype and mine.grad.isfinite().all() and mine.grad.any()


def test_bad_rate():
    with pytest.raises(ValueError, match="rate .*got 1.0"):
        ChannelDropout(1.0)


LABEL = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0]])


def classes_of(label, count=3):
    return torch.stack([label == number for number in range(count)], 1)


@pytest.fixture
def small():
    torch.manual_seed(0)
    return torch.randn(2, 5, 3, 4) + 9


def test_objects_and_context_are_the_two_halves(small):
    classes = classes_of(torch.stack((LABEL, 0 * LABEL)))
    objects = MaskObjects()(small, classes, None)
    context = MaskContext()(small, classes, None)
    assert torch.equal(objects + context, small)
    for y in range(3):
        for x in range(4):
            gone = objects if LABEL[y, x] > 0 else context
            assert not gone[0, :, y, x].any()
    assert torch.equal(objects[1], small[1]) and not context[1].any()  # nothing but background


def test_another_background_and_none(small):
    classes = classes_of(LABEL[None])
    kept = MaskObjects(background=1)(small[:1], classes, None)[0].any(0)
    assert torch.equal(kept, LABEL == 1)
    assert not MaskObjects(background=None)(small[:1], classes, None).any()
    assert MaskContext(background=None)(small[:1], classes, None).equal(small[:1])


def box_of(kept):
    """First and last row and column that were set to zero."""
    rows, columns = (~kept).any(1).nonzero().flatten(), (~kept).any(0).nonzero().flatten()
    return rows[0].item(), rows[-1].item(), columns[0].item(), columns[-1].item()


def test_a_box_inside_the_bounding_box_of_each_class():
    label = torch.zeros(1, 40, 40, dtype=torch.long)
    label[:, 5:15, 10:30], label[:, 30:40, 0:5] = 1, 2
    label[:, 7:9, 12:20] = 0  # a hole changes nothing
    small, starts = torch.ones(1, 4, 40, 40), set()
    for seed in range(60):
        torch.manual_seed(seed)
        kept = GuidedCutout(0.4)(small, classes_of(label), None)[0, 0].bool()
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
    small = torch.ones(1, 4, 6, 6)
    nothing = classes_of(torch.zeros(1, 6, 6))
    assert GuidedCutout()(small, nothing, None).equal(small)
    one = torch.zeros(1, 6, 6)
    one[0, 2, 3] = 1
    gone = GuidedCutout()(small, classes_of(one), None)[0, 0] == 0
    assert gone.nonzero().tolist() == [[2, 3]]
    everywhere = classes_of(torch.ones(1, 6, 6))
    assert not GuidedCutout(1.0)(small, everywhere, None).any()


@pytest.mark.parametrize("kind", [GuidedCutout, MaskContext, MaskObjects])
def test_guided_types_stay_and_gradients_pass(kind):
    label = torch.zeros(2, 6, 6)
    label[:, :3] = 1
    for dtype in (torch.float32, torch.bfloat16):
        mine = torch.ones(2, 4, 6, 6, dtype=dtype).requires_grad_()
        found = kind()(mine, classes_of(label), None)
        found.float().sum().backward()
        assert found.dtype == dtype and torch.equal(mine.grad, found.detach())


def test_bad_share():
    with pytest.raises(ValueError, match="erase .*got 0"):
        GuidedCutout(0)


def along(axis):
    """A decoder of one position that looks at one of four channels alone."""
    return lambda feature: torch.stack((feature[:, axis], -feature[:, axis]), 1)


@pytest.mark.parametrize("axis", [0, 3])
def test_the_direction_is_what_the_decoder_looks_at(axis):
    torch.manual_seed(0)
    feature = torch.randn(3, 4, 1, 1)
    found = VirtualAdversarial(radius=2.0)(feature, None, along(axis)) - feature
    wanted = torch.zeros(3, 4, 1, 1)
    wanted[:, axis] = 2.0
    torch.testing.assert_close(found.abs(), wanted, atol=1e-4, rtol=1e-4)


def test_it_changes_more_than_chance():
    torch.manual_seed(0)
    decoder = torch.nn.Conv2d(16, 3, 1)
    feature = torch.randn(8, 16, 5, 5)

    def change(step):
        before, after = (decoder(x).softmax(1) for x in (feature, feature + step))
        return (before - after).square().sum((1, 2, 3))

    found = VirtualAdversarial(radius=0.5)(feature, None, decoder) - feature
    chance = 0.5 * unit_vectors(torch.randn_like(feature))
    torch.testing.assert_close(found.flatten(1).norm(dim=1), torch.full((8,), 0.5))
    assert (change(found) > 2 * change(chance)).all()
    more = VirtualAdversarial(radius=0.5, iterations=8)(feature, None, decoder) - feature
    assert change(more).sum() > change(found).sum()


def test_an_image_has_no_say_in_the_direction_of_another():
    decoder = torch.nn.Conv2d(16, 3, 1)
    feature = torch.randn(2, 16, 5, 5)
    found = []
    for other in (1.0, 7.0):
        torch.manual_seed(0)
        pair = torch.stack((feature[0], other * feature[1]))
        found.append(VirtualAdversarial()(pair, None, decoder)[0])
    torch.testing.assert_close(*found)


def test_gradients_go_to_the_feature_and_not_to_the_decoder():
    decoder, feature = torch.nn.Conv2d(4, 3, 1), torch.randn(2, 4, 3, 3, requires_grad=True)
    found = VirtualAdversarial()(feature, None, decoder)
    assert decoder.weight.grad is None and feature.grad is None
    found.sum().backward()
    assert decoder.weight.grad is None and feature.grad.eq(1).all()


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4])
def test_decoders_that_hardly_or_hugely_change(scale):
    feature = torch.randn(2, 4, 3, 3)
    found = VirtualAdversarial()(feature, None, lambda x: scale * x[:, :3])
    assert found.isfinite().all()
    assert (found - feature).flatten(1).norm(dim=1).le(2.01).all()


def test_under_autocast_it_searches_in_float32():
    decoder, seen = torch.nn.Conv2d(4, 3, 1), []

    def decode(x):
        seen.append(decoder(x).dtype)
        return decoder(x)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = VirtualAdversarial()(torch.randn(2, 4, 3, 3).bfloat16(), None, decode)
    assert found.dtype == torch.bfloat16 and set(seen) == {torch.float32}


def test_unit_vectors_of_tiny_and_of_no_length():
    values = torch.stack((torch.full((4, 1, 1), 1e-42), torch.zeros(4, 1, 1), torch.ones(4, 1, 1)))
    torch.testing.assert_close(
        unit_vectors(values).flatten(1)[1:], torch.tensor([[0.0] * 4, [0.5] * 4])
    )
    assert unit_vectors(1e-20 * values[2:]).flatten().tolist() == [0.5] * 4


def test_bad_iterations():
    with pytest.raises(ValueError, match="iterations .*got 0"):
        VirtualAdversarial(iterations=0)


def test_clean_copies_come_first_and_whole_channels_are_dropped():
    torch.manual_seed(0)
    feature = torch.rand(4, 50, 3, 3) + 0.1
    doubled = PerturbedFeatures([feature], 0.5)[0]
    assert torch.equal(doubled[:4], feature)
    ratio = doubled[4:] / feature
    assert set(ratio.unique().tolist()) == {0.0, 2.0}
    per_channel = ratio.flatten(2)
    assert torch.equal(per_channel.amin(2), per_channel.amax(2))
    assert 0.3 < (per_channel[..., 0] == 0).float().mean() < 0.7


def test_looks_like_the_tuple_of_a_backbone():
    features = [torch.rand(1, 2, 2, 2) for _ in range(4)]
    doubled = PerturbedFeatures(features, 0.5)
    assert len(doubled) == 4 and len(list(doubled)) == 4
    assert doubled[-1] is doubled[3]  # drawn once, however often it is read
    assert [x is y for x, y in zip(doubled[1:3], [doubled[1], doubled[2]], strict=True)]


def test_maps_that_nobody_reads_are_not_copied():
    doubled = PerturbedFeatures([torch.rand(1, 2, 2, 2), "never touched"], 0.5)
    assert doubled[0].shape[0] == 2


def test_class_tokens_go_with_their_map():
    torch.manual_seed(0)
    feature, token = torch.rand(2, 4, 3, 3) + 0.1, torch.rand(2, 400) + 0.1
    doubled, tokens = PerturbedFeatures([(feature, token)], 0.5)[0]
    assert torch.equal(doubled[:2], feature) and torch.equal(tokens[:2], token)
    assert 0.4 < (tokens[2:] == 0).float().mean() < 0.6
