# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.models.layers import CBAM, FeatureTap
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_classifier


@pytest.fixture
def module():
    torch.manual_seed(0)
    module = CBAM(32, reduction=8, kernel_size=3).eval()
    module.spatial.norm.running_mean.fill_(0.1)
    return module


def test_values_equal_the_paper(module):
    """Place by place, channel by channel."""
    x = torch.randn(2, 32, 5, 4)
    out, layers = module(x), module.channel.layers
    for image, found in zip(x, out, strict=True):
        mean = torch.stack([plane.sum() / 20 for plane in image])
        largest = torch.stack([max(plane.flatten()) for plane in image])
        logit = sum(
            layers[2].weight[:, :, 0, 0]
            @ (layers[0].weight[:, :, 0, 0] @ v + layers[0].bias).relu()
            + layers[2].bias
            for v in (mean, largest)
        )
        weighted = image * (1 / (1 + (-logit).exp()))[:, None, None]
        pooled = torch.zeros(2, 7, 6)  # a rim of zeros
        pooled[0, 1:-1, 1:-1], pooled[1, 1:-1, 1:-1] = weighted.max(0).values, weighted.mean(0)
        for i in range(5):
            for j in range(4):
                value = (module.spatial.conv.weight[0] * pooled[:, i : i + 3, j : j + 3]).sum()
                value = (value - 0.1) / (1 + module.spatial.norm.eps) ** 0.5
                wanted = weighted[:, i, j] / (1 + (-value).exp())
                torch.testing.assert_close(found[:, i, j], wanted, rtol=1e-4, atol=1e-6)


def test_the_last_of_several_maps_is_weighted(module):
    maps = torch.randn(2, 8, 9, 9), torch.randn(2, 32, 5, 5)
    first, last = module(maps)
    assert first is maps[0] and torch.equal(last, module(maps[1]))


def test_as_a_neck_its_attention_is_tapped():
    init_default_scope("rankseg")
    student = toy_classifier()
    student.neck = dict(type="CBAM", in_channels=64, reduction=4)
    network = MODELS.build(student)
    with FeatureTap(network, "neck.spatial") as tap:
        network.decode_head(network.extract_feat(torch.randn(3, 3, 33, 33)))
    assert tap.output.shape == (3, 1, 3, 3)
    assert (tap.output > 0).all() and (tap.output < 1).all() and tap.output.std() > 0


def test_what_does_not_fit_is_told(module):
    with pytest.raises(ValueError, match="in_channels of CBAM .*16.*got 32"):
        module(torch.zeros(1, 16, 3, 3))
    with pytest.raises(ValueError, match="kernel_size of CBAM to be odd, but got 4"):
        CBAM(8, kernel_size=4)
