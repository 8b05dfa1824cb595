# SPDX-License-Identifier: Apache-2.0
"""The light decoder against a loop over features."""

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.layers.subpixel_decoder import SubpixelDecoder, fit


def test_without_steps_it_is_a_classifier():
    decoder, features = SubpixelDecoder(5, 3, 0), torch.randn(2, 5, 4, 3)
    wanted = torch.einsum("kc,bchw->bkhw", decoder.layers[0].weight[..., 0, 0], features)
    torch.testing.assert_close(decoder(features, (4, 3)), wanted)


def test_a_step_makes_four_values_of_each_by_a_loop():
    torch.manual_seed(0)
    decoder, features = SubpixelDecoder(5, 3, 1), torch.randn(1, 5, 4, 3)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(torch.randn_like(parameter))
    conv = decoder.layers[2]
    found = decoder(features, (8, 6))
    for y in range(4):
        for x in range(3):
            low = F.relu(decoder.layers[0].weight[..., 0, 0] @ features[0, :, y, x])
            high = (conv.weight[..., 0, 0] @ low + conv.bias).view(3, 2, 2)
            torch.testing.assert_close(found[0, :, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2], high)


def test_at_first_neighbors_are_equal_and_logits_may_be_negative():
    torch.manual_seed(0)
    decoder = SubpixelDecoder(5, 3, 2)
    logits = decoder(torch.randn(2, 5, 4, 3), (16, 12))
    assert torch.equal(
        logits, logits[:, :, ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3)
    )
    assert logits.min() < 0 < logits.max()


def test_values_lie_where_their_feature_does():
    # on a grid from corner to corner feature i is at point 4 i
    place = torch.arange(9.0).repeat_interleave(4).expand(1, 1, 4, 36)
    row = fit(place, (1, 33), 4)[0, 0, 0]
    assert row[::4].tolist() == list(range(9))
    assert row[:6].tolist() == [0, 0, 1, 1, 1, 1]
    assert fit(place, (4, 36), 4).equal(place)


def test_other_sizes_are_interpolated():
    logits = torch.randn(1, 2, 8, 8)
    for size in ((17, 17), (3, 8), (4, 4)):
        wanted = F.interpolate(logits, size, mode="bilinear", align_corners=True)
        assert fit(logits, size, 4).equal(wanted)
    assert fit(logits, (5, 8), 4).equal(logits[:, :, 2:7])


def test_bad_steps():
    with pytest.raises(ValueError, match="steps .*got -1"):
        SubpixelDecoder(5, 3, -1)
