# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.nn import functional as F

from rankseg.models.heads import DeepLabV3PlusHead
from rankseg.models.heads.deeplabv3plus import upsample
from rankseg.registry import MODELS

BACKBONE = {
    "type": "ResNetV1c",
    "strides": (1, 2, 2, 1),
    "dilations": (1, 1, 1, 2),
    "contract_dilation": True,
}
CE = {"type": "mmseg.CrossEntropyLoss", "avg_non_ignore": True}


def segmentor(depth: int, stem: int, **head):
    with DefaultScope.overwrite_default_scope("rankseg"):
        return MODELS.build(
            {
                "type": "EncoderDecoder",
                "backbone": {**BACKBONE, "depth": depth, "stem_channels": stem},
                "decode_head": {"type": "DeepLabV3PlusHead", "loss_decode": CE, **head},
            }
        )


def small_head(**kwargs) -> DeepLabV3PlusHead:
    sizes = {"in_channels": 6, "channels": 8, "c1_in_channels": 5, "c1_channels": 4}
    return DeepLabV3PlusHead(**{**sizes, "num_classes": 3, "loss_decode": CE, **kwargs})


@pytest.mark.parametrize(("depth", "parameters"), [(50, 40_475_957), (101, 59_468_085)])
def test_parameter_counts_of_the_field(depth, parameters):
    with torch.device("meta"):
        model = segmentor(depth, 128, num_classes=21)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_stride_16_and_the_feature_tap():
    with torch.device("meta"):
        model = segmentor(50, 128, num_classes=21)
        seen = []
        model.decode_head.bottleneck.register_forward_hook(lambda m, i, o: seen.append(o.shape))
        features = model.extract_feat(torch.zeros(2, 3, 321, 321))
        logits = model.decode_head(features)
    assert [tuple(f.shape[1:]) for f in features][::3] == [(256, 81, 81), (2048, 21, 21)]
    assert seen == [(2, 256, 21, 21)]
    assert logits.shape == (2, 21, 81, 81)


def test_first_block_of_the_last_stage_is_not_dilated():
    """Dilations 1, 2, 2: what the published numbers were made with."""
    with torch.device("meta"):
        stage = segmentor(50, 128, num_classes=21).backbone.layer4
    assert [block.conv2.dilation for block in stage] == [(1, 1), (2, 2), (2, 2)]


def test_forward_equals_the_definition():
    """The whole head once more, from its definition in plain tensor operations."""
    torch.manual_seed(0)
    head = small_head(dilations=(2, 3)).double().train()
    fine, coarse = torch.randn(2, 5, 9, 13).double(), torch.randn(2, 6, 3, 4).double()
    weights = iter(p.detach() for p in head.aspp.parameters())

    def unit(x, rate=1, source=weights):
        weight, gamma, beta = next(source), next(source), next(source)
        pad = rate * (weight.shape[-1] // 2)
        y = F.conv2d(x, weight, padding=pad, dilation=rate)
        return F.batch_norm(y, None, None, gamma, beta, training=True).relu()

    branches = [unit(coarse), unit(coarse, 2), unit(coarse, 3)]
    branches.append(unit(coarse.mean((2, 3), keepdim=True)).expand(-1, -1, 3, 4))
    decoder = torch.nn.ModuleList([head.bottleneck, head.reduce, head.fuse])
    weights = iter(p.detach() for p in decoder.parameters())
    x = unit(torch.cat(branches, 1), source=weights)
    low = unit(fine, source=weights)
    x = F.interpolate(x, (9, 13), mode="bilinear", align_corners=True)
    x = unit(unit(torch.cat([low, x], 1), source=weights), source=weights)
    expected = F.conv2d(x, head.conv_seg.weight, head.conv_seg.bias)
    torch.testing.assert_close(head([fine, coarse]), expected)


def test_corners_stay_corners_when_predicting():
    head = small_head()
    logits = torch.randn(1, 3, 4, 5)
    full = head.predict_by_feat(logits, [{"img_shape": (3, 3), "pad_shape": (50, 61, 3)}])
    assert full.shape == (1, 3, 50, 61)
    torch.testing.assert_close(full[..., ::49, ::60], logits[..., ::3, ::4])
    sliding = [{"img_shape": torch.Size((33, 17)), "pad_shape": (50, 61)}]
    assert head.predict_by_feat(logits, sliding).shape == (1, 3, 33, 17)


@pytest.mark.parametrize("size", [(33, 33), (40, 48), (34, 47), (48, 33)])
def test_positions_stay_where_they_come_from(size):
    """A slope that is sampled every 16 pixels comes back, and is not shifted."""
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in size)
    slope = (rows[:, None] + 3 * columns)[None, None]
    found = upsample(slope[..., ::16, ::16], size, align_corners=True)
    last = 32  # beyond the last position nothing is known but that
    wanted = rows.clamp(max=last)[:, None] + 3 * columns.clamp(max=last)
    torch.testing.assert_close(found[0, 0], wanted)


def test_other_grids_are_stretched():
    """5 positions of 60 pixels are none of a stride; without ``align_corners`` nothing is moved."""
    x = torch.rand(1, 2, 5, 5)
    wanted = F.interpolate(x, (60, 65), mode="bilinear", align_corners=True)
    torch.testing.assert_close(upsample(x, (60, 65), align_corners=True), wanted)
    wanted = F.interpolate(x, (66, 66), mode="bilinear", align_corners=False)
    torch.testing.assert_close(upsample(x, (66, 66), align_corners=False), wanted)


def test_a_larger_image_is_predicted_as_its_crops_are():
    """What is seen far from the border does not move with the size of the image."""
    torch.manual_seed(0)
    backbone = torch.nn.AvgPool2d(3, 4, 1)
    head = small_head(dilations=(1,)).eval()
    head.aspp.pool.register_forward_hook(lambda module, args, out: torch.zeros_like(out))
    image = torch.rand(1, 8, 128, 128)

    def predict(part):
        fine = backbone(part)
        coarse = fine[:, :1, ::4, ::4].expand(-1, head.in_channels, -1, -1)
        logits = head([fine[:, : head.reduce[0].in_channels], coarse])
        return head.predict_by_feat(logits, [dict(img_shape=part.shape[2:])])

    with torch.no_grad():
        whole, crop = predict(image), predict(image[..., :113, :113])
    torch.testing.assert_close(whole[..., :32, :32], crop[..., :32, :32], rtol=1e-4, atol=1e-5)


def test_no_dropout_and_no_warnings(recwarn):
    head = small_head(num_classes=2).train()
    assert head.dropout is None
    inputs = [torch.randn(2, 5, 8, 8), torch.randn(2, 6, 2, 2)]
    torch.testing.assert_close(head(inputs), head(inputs))
    head.predict_by_feat(head(inputs), [{"img_shape": (30, 30)}])
    assert not recwarn.list


def test_loss_ignores_255():
    head = small_head().train()
    inputs = [torch.randn(2, 5, 8, 8), torch.randn(2, 6, 2, 2)]
    label = torch.randint(0, 3, (2, 1, 29, 29))
    label[:, :, 15:] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x)) for x in label]
    logits = head(inputs)
    large = F.interpolate(logits, (29, 29), mode="bilinear", align_corners=True)
    expected = F.cross_entropy(large, label[:, 0], ignore_index=255)
    torch.testing.assert_close(head.loss_by_feat(logits, samples)["loss_ce"], expected)


def test_a_training_batch_of_one_says_what_to_do():
    head = small_head()
    inputs = [torch.randn(1, 5, 8, 8), torch.randn(1, 6, 2, 2)]
    with pytest.raises(ValueError, match="at least two images.*Increase the batch size"):
        head.train()(inputs)
    assert head.eval()(inputs).shape == (1, 3, 8, 8)
    grouped = small_head(norm_cfg={"type": "GN", "num_groups": 2}).train()
    assert grouped(inputs).shape == (1, 3, 8, 8)


def test_resnet18_for_small_machines():
    head = {"in_channels": 512, "channels": 128, "c1_in_channels": 64, "num_classes": 2}
    model = segmentor(18, 64, **head).train()
    logits = model.decode_head(model.extract_feat(torch.randn(2, 3, 97, 97)))
    logits.square().mean().backward()
    assert logits.shape == (2, 2, 25, 25)
    assert all(p.grad is not None for p in model.parameters())
