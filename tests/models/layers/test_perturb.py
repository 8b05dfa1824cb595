# SPDX-License-Identifier: Apache-2.0
import torch

from rankseg.models.layers import PerturbedFeatures


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
