# SPDX-License-Identifier: Apache-2.0
"""The embedding head against its definition."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from rankseg.models.heads import EmbeddingHead
from rankseg.registry import MODELS


@pytest.mark.parametrize("pool", ["avg", "max", "avg+max"])
def test_embedding_is_pooled_mapped_and_of_length_one(pool):
    head = EmbeddingHead(in_channels=6, channels=4, pool=pool).eval()
    x = torch.randn(3, 6, 5, 7)
    pooled = {"avg": x.mean((2, 3)), "max": x.amax((2, 3))}
    pooled["avg+max"] = pooled["avg"] + pooled["max"]
    wanted = pooled[pool] @ head.conv_seg.weight[:, :, 0, 0].T + head.conv_seg.bias
    wanted = wanted / wanted.norm(dim=1, keepdim=True)
    out = head([x])
    assert out.shape == (3, 4, 1, 1) and head.out_channels == head.num_classes == 4
    torch.testing.assert_close(out.flatten(1), wanted)
    assert {k for k, _ in head.named_parameters()} == {"conv_seg.weight", "conv_seg.bias"}


def test_nothing_is_lost_to_half_precision():
    head, x = EmbeddingHead(in_channels=6, channels=256), torch.randn(3, 6, 2, 2).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = head([x])
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, head([x.float()]))
    torch.testing.assert_close(out.flatten(1).norm(dim=1), torch.ones(3))


def test_shapes_can_be_had_without_computing():
    head = EmbeddingHead(in_channels=6, channels=4).to("meta")
    assert head([torch.empty(3, 6, 5, 5, device="meta")]).shape == (3, 4, 1, 1)


def test_pooled_feature_is_tapped_where_that_of_a_classifier_is():
    head, seen = EmbeddingHead(in_channels=6, channels=4), []
    head.pool.register_forward_hook(lambda module, args, out: seen.append(out))
    x = torch.randn(2, 6, 3, 3)
    head([x])
    torch.testing.assert_close(seen[0], F.adaptive_avg_pool2d(x, 1))


def test_it_is_built_by_name_and_says_how_many_channels_are_expected():
    init_default_scope("rankseg")
    head = MODELS.build(dict(type="EmbeddingHead", in_channels=6))
    assert head.out_channels == 512
    with pytest.raises(ValueError, match="in_channels to be 5, .*got 6"):
        head([torch.randn(2, 5, 3, 3)])
    with pytest.raises(ValueError, match=r"pool to be one of avg, max, avg\+max, but got 'sum'"):
        EmbeddingHead(in_channels=6, pool="sum")
