# SPDX-License-Identifier: Apache-2.0
import torch

from rankseg.models.heads import LinearHead


def test_logits_are_a_linear_map_of_normalized_features():
    torch.manual_seed(0)
    model = LinearHead(in_channels=5, num_classes=3).double().train()
    torch.nn.init.normal_(model.conv_seg.weight)
    maps = [torch.randn(2, 7, 4, 4).double(), 3 * torch.randn(2, 5, 3, 4).double() + 1]
    mean, variance = (getattr(maps[1], name)((0, 2, 3), keepdim=True) for name in ("mean", "var"))
    count = maps[1].numel() / 5
    normalized = (maps[1] - mean) / (variance * (count - 1) / count + 1e-5).sqrt()
    weight, bias = model.conv_seg.weight.flatten(1), model.conv_seg.bias
    expected = torch.einsum("bchw,kc->bkhw", normalized, weight) + bias[:, None, None]
    torch.testing.assert_close(model(maps), expected)
    assert sum(one.numel() for one in model.parameters()) == 2 * 5 + 3 * 5 + 3


def test_map_and_dropout_can_be_chosen():
    model = LinearHead(in_channels=7, in_index=0, num_classes=3, dropout_ratio=1.0).train()
    maps = [torch.randn(2, 7, 4, 4), torch.randn(2, 5, 3, 4)]
    assert torch.equal(model(maps), model.conv_seg.bias[:, None, None].expand(2, 3, 4, 4))
    assert model.eval()(maps).shape == (2, 3, 4, 4)
