# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.models.heads import ImageLevelHead
from rankseg.models.layers import FeatureTap
from rankseg.registry import MODELS

PROJECTION = dict(type="Projector", in_channels=6, out_channels=4)


def sample(label: int, **meta) -> SegDataSample:
    packed = SegDataSample(metainfo=dict(img_shape=(8, 8), ori_shape=(1, 1), **meta))
    packed.set_data({"gt_sem_seg": PixelData(data=torch.tensor([[[label]]]))})
    return packed


def segmentor():
    with DefaultScope.overwrite_default_scope("rankseg"):
        return MODELS.build(
            ConfigDict(
                type="EncoderDecoder",
                backbone=dict(type="WideResNet", depth=10, width=1),
                decode_head=dict(type="ImageLevelHead", in_channels=64, num_classes=3),
                test_cfg=dict(mode="whole"),
            )
        )


@pytest.mark.parametrize("pool", ["avg", "max"])
@pytest.mark.parametrize("normalize", [False, True])
def test_logits_by_hand(pool, normalize):
    torch.manual_seed(0)
    head = ImageLevelHead(6, 3, in_index=0, pool=pool, normalize=normalize)
    feature = torch.randn(2, 6, 4, 5)
    pooled = feature.mean((2, 3)) if pool == "avg" else feature.amax((2, 3))
    if normalize:
        pooled = pooled / pooled.norm(dim=1, keepdim=True)
    with FeatureTap(head, "pool") as tap:
        logits = head([feature, None])
    weight, bias = head.conv_seg.weight.flatten(1), head.conv_seg.bias
    torch.testing.assert_close(logits, F.linear(pooled, weight, bias)[..., None, None])
    torch.testing.assert_close(tap.output, pooled[..., None, None])


def test_weight_normalized_classifier():
    head = ImageLevelHead(6, 3, weight_norm=True)
    weight = head.conv_seg.weight.clone()
    with torch.no_grad():
        head.conv_seg.parametrizations.weight.original1 *= 5  # a direction has no length
    torch.testing.assert_close(head.conv_seg.weight, weight)
    assert sum(p.numel() for p in head.parameters()) == 6 * 3 + 3 + 3


def test_branches_get_the_pooled_feature():
    head = ImageLevelHead(6, 3, branches=dict(projection=PROJECTION), dropout_ratio=0.9).train()
    feature = torch.randn(2, 6, 4, 4)
    with FeatureTap(head, "branches.projection") as tap:
        head([feature])
    expected = head.branches["projection"](feature.mean((2, 3)))
    torch.testing.assert_close(tap.output.flatten(1), expected)
    tap.output.sum().backward()
    assert head.conv_seg.weight.grad is None


def test_the_classifier_reads_a_branch_and_trains_what_is_below():
    branches = dict(projection=PROJECTION, other=dict(PROJECTION, out_channels=9))
    head = ImageLevelHead(6, 3, classify="projection", branches=branches)
    feature = torch.randn(2, 6, 4, 4, requires_grad=True)
    logits = head([feature])
    read = head.branches["projection"](feature.mean((2, 3)))
    expected = F.linear(read, head.conv_seg.weight.flatten(1), head.conv_seg.bias)
    torch.testing.assert_close(logits, expected[..., None, None])
    logits.square().sum().backward()
    assert feature.grad.abs().sum() > 0
    assert all(p.grad.abs().sum() > 0 for p in head.branches["projection"].parameters())


def test_dropout_of_whole_channels_while_training():
    head = ImageLevelHead(1000, 2, dropout_ratio=0.25)
    torch.nn.init.ones_(head.conv_seg.weight)
    torch.nn.init.zeros_(head.conv_seg.bias)
    ones = [torch.ones(1, 1000, 2, 2)]
    assert head.eval()(ones)[0, 0].item() == 1000
    kept = head.train()(ones)[0, 0].item() / (1000 / 0.75)
    assert kept != 0.75 and 0.7 < kept < 0.8


def test_plain_mmseg_trains_and_predicts_one_pixel():
    torch.manual_seed(0)
    model = segmentor()
    images = torch.randn(2, 3, 8, 8)
    losses = model(images, [sample(0), sample(2)], mode="loss")
    logits = model(images)
    expected = F.cross_entropy(logits[:, :, 0, 0], torch.tensor([0, 2]))
    torch.testing.assert_close(losses["decode.loss_ce"], expected)
    model.eval()
    found = model(images, [sample(0), sample(2)], mode="predict")
    assert [one.seg_logits.data.shape for one in found] == [(3, 1, 1)] * 2
    best = model(images).argmax(1).flatten()
    assert [one.pred_sem_seg.data.item() for one in found] == best.tolist()


def test_an_unknown_label_counts_in_no_loss():
    head = ImageLevelHead(6, 3)
    logits = torch.randn(2, 3, 1, 1)
    losses = head.loss_by_feat(logits, [sample(1), sample(-100)])
    torch.testing.assert_close(
        losses["loss_ce"], F.cross_entropy(logits[:1, :, 0, 0], torch.tensor([1]))
    )


def test_any_backbone_of_mmseg():
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        backbone = dict(type="MobileNetV2", out_indices=(4, 6))
        head = dict(type="ImageLevelHead", in_channels=320, num_classes=7)
        model = MODELS.build(dict(type="EncoderDecoder", backbone=backbone, decode_head=head))
        assert model(torch.empty(2, 3, 64, 64)).shape == (2, 7, 1, 1)


def test_mistakes():
    with pytest.raises(ValueError, match="decode_head.pool .*avg, max.*got 'mean'"):
        ImageLevelHead(6, 3, pool="mean")
    with pytest.raises(ValueError, match="classify .*got 'projector'"):
        ImageLevelHead(6, 3, classify="projector", branches=dict(projection=PROJECTION))
    with pytest.raises(ValueError, match="in_channels to be 5, as feature map -1 .*got 6"):
        ImageLevelHead(6, 3)([torch.zeros(1, 5, 2, 2)])
