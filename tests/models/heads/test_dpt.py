# SPDX-License-Identifier: Apache-2.0
"""The light DPT head against the released network of UniMatch V2, written in plain operations."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rankseg.models.heads import LightDPTHead


def head(**options) -> LightDPTHead:
    torch.manual_seed(0)
    options = dict(in_channels=[6] * 4, channels=4, level_channels=(2, 3, 4, 5)) | options
    return LightDPTHead(num_classes=3, align_corners=True, **options).double().eval()


def reference(state: dict[str, Tensor], maps: list[Tensor]) -> Tensor:
    """Logits by the released code: four reassembled maps, fused from coarse to fine."""

    def conv(x: Tensor, name: str, **options) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **options)

    def unit(x: Tensor, name: str) -> Tensor:
        first = conv(x.clamp(min=0), f"{name}.conv1", padding=1)
        return conv(first.clamp(min=0), f"{name}.conv2", padding=1) + x

    levels = [conv(x, f"projects.{i}") for i, x in enumerate(maps)]
    for i, stride in ((0, 4), (1, 2)):
        weight, bias = (state[f"resamples.{i}.{name}"] for name in ("weight", "bias"))
        levels[i] = F.conv_transpose2d(levels[i], weight, bias, stride=stride)
    levels[3] = conv(levels[3], "resamples.3", stride=2, padding=1)
    levels = [conv(x, f"levels.{i}", padding=1) for i, x in enumerate(levels)]
    path = None
    for i in (3, 2, 1, 0):
        x = levels[i] if path is None else path + unit(levels[i], f"fusions.{i}.skip")
        x = unit(x, f"fusions.{i}.refine")
        size = levels[i - 1].shape[2:] if i else [2 * side for side in x.shape[2:]]
        x = F.interpolate(x, tuple(size), mode="bilinear", align_corners=True)
        path = conv(x, f"fusions.{i}.project")
    return conv(conv(path, "output.0", padding=1).clamp(min=0), "conv_seg")


@pytest.mark.parametrize("size", [(4, 6), (5, 3)])
def test_logits_equal_the_released_network(size):
    model = head()
    torch.nn.init.normal_(model.conv_seg.weight)
    maps = [torch.randn(2, 6, *size, dtype=torch.float64) for _ in range(4)]
    with torch.no_grad():
        found, expected = model(maps), reference(model.state_dict(), maps)
    assert found.shape == (2, 3, 8 * size[0], 8 * size[1]) and found.std() > 0.01
    torch.testing.assert_close(found, expected)


def test_every_parameter_is_used():
    model = head()
    model([torch.randn(1, 6, 4, 4, dtype=torch.float64) for _ in range(4)]).sum().backward()
    assert all(one.grad is not None for one in model.parameters())


def test_raises_on_another_number_of_maps():
    with pytest.raises(ValueError, match=r"4 feature maps.*in_channels=\[6, 6\].*out_indices"):
        head(in_channels=[6, 6])


def test_raises_on_maps_of_several_sizes():
    maps = [torch.randn(1, 6, 8 // step, 8 // step).double() for step in (1, 2, 4, 8)]
    with pytest.raises(ValueError, match=r"one size.*\(8, 8\), \(4, 4\).*Use DeepLabV3PlusHead"):
        head()(maps)
