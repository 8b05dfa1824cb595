# SPDX-License-Identifier: Apache-2.0
"""Noise and dropping, value by value."""

import pytest
import torch

from rankseg.models.layers import ChannelDropout, FeatureDrop, FeatureNoise


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
    with pytest.raises(ValueError, match="rate=1.0"):
        ChannelDropout(1.0)
