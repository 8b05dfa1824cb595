# SPDX-License-Identifier: Apache-2.0
"""Checks, outputs and losses of students on heads of mmseg."""

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from rankseg.models.segmentors.student import (
    check_losses,
    check_network,
    check_outputs,
    complete_test_cfg,
    default_tap,
    first_rows,
    head_loss,
)
from rankseg.registry import MODELS
from rankseg.testing.families import family
from rankseg.testing.toy import toy_classifier, toy_student


def build(name="pspnet", **changes):
    init_default_scope("rankseg")
    return MODELS.build({**family(name), **changes})


def head(**options):
    return {**family("pspnet")["decode_head"], **options}


CASCADE = dict(
    type="CascadeEncoderDecoder",
    num_stages=2,
    decode_head=[
        dict(type="FCNHead", in_channels=32, channels=8, num_classes=3),
        dict(type="OCRHead", in_channels=32, channels=8, ocr_channels=8, num_classes=3),
    ],
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (CASCADE, r"decode_head to be one head, but got a list \(FCNHead, OCRHead\) .*type='Enc"),
        (dict(test_cfg=dict(mode="slip")), "mode to be 'whole' or 'slide', but got 'slip'"),
        (dict(test_cfg=dict(mode="slide", crop_size=64)), "stride to be two numbers .* got None"),
    ],
)
def test_students_that_no_method_can_train(changes, message):
    with pytest.raises(ValueError, match=message):
        check_network(build(**changes))


def test_what_is_no_segmentor_or_classifies_no_pixels():
    with pytest.raises(ValueError, match="a segmentor with extract_feat .*, but got Identity"):
        check_network(nn.Identity())
    network = build()
    network.decode_head = nn.Conv2d(3, 3, 1)
    with pytest.raises(ValueError, match="but got Conv2d, which has no num_classes, "):
        check_network(network)


def test_settings_of_prediction_are_completed():
    assert complete_test_cfg(None) == dict(mode="whole")
    assert complete_test_cfg(dict(mode="slide", crop_size=64, stride=[32, 48])) == dict(
        mode="slide", crop_size=(64, 64), stride=(32, 48)
    )


def test_the_classifier_of_one_pixel_is_tapped_before_its_dropout():
    network = build()
    assert default_tap(network) == "decode_head.dropout:input"
    network.decode_head.dropout = None
    assert default_tap(network) == "decode_head.conv_seg:input"
    del network.decode_head.conv_seg
    assert default_tap(network) == "backbone"
    network.neck = nn.Identity()
    assert default_tap(network) == "neck"


def test_first_rows_of_maps_with_class_tokens():
    first = first_rows([(torch.zeros(4, 2, 3, 3), torch.zeros(4, 2)), torch.zeros(4, 5, 1, 1)], 3)
    assert [one.shape for one in first[0]] == [(3, 2, 3, 3), (3, 2)] and first[1].shape[0] == 3


GOOD = [
    dict(type="CrossEntropyLoss", use_sigmoid=True),
    dict(type="CrossEntropyLoss", class_weight=[1.0, 2.0, 3.0], avg_non_ignore=True),
    dict(type="OhemCrossEntropyLoss", min_kept=10),
    dict(type="OhemCrossEntropy", thres=0.9, min_kept=10),
    dict(type="FocalLoss", alpha=0.25, class_weight=[1.0, 2.0, 3.0]),
    dict(type="DiceLoss"),
    dict(type="LovaszLoss", per_image=True),
    dict(type="TverskyLoss"),
    [dict(type="CrossEntropyLoss"), dict(type="DiceLoss", loss_name="loss_dice")],
]


@pytest.mark.parametrize("loss", GOOD, ids=str)
def test_losses_that_work(loss):
    check_losses(build(decode_head=head(loss_decode=loss)))


SAMPLER = dict(type="OHEMPixelSampler", thresh=0.7, min_kept=5)


def test_a_sampler_of_pixels_works_with_losses_of_pixels():
    check_losses(build(decode_head=head(sampler=SAMPLER)))
    dice = dict(loss_decode=dict(type="DiceLoss"), sampler=SAMPLER)
    with pytest.raises(ValueError, match=r"\(DiceLoss with OHEMPixelSampler\) .*in place of a sam"):
        check_losses(build(decode_head=head(**dice)))


@pytest.mark.parametrize(
    "loss",
    [
        dict(type="mmseg.OhemCrossEntropy"),
        dict(type="mmseg.FocalLoss"),
        dict(type="CrossEntropyLoss", reduction="none"),
        dict(type="CrossEntropyLoss", class_weight=[1.0, 2.0]),
    ],
    ids=str,
)
def test_losses_that_fail_in_mmseg_name_another(loss):
    network = build(decode_head=head(loss_decode=loss))
    state = torch.get_rng_state()
    name = loss["type"].removeprefix("mmseg.")
    message = rf"decode_head.loss_decode \({name}\) .* OhemCrossEntropyLoss of this package"
    with pytest.raises(ValueError, match=message):
        check_losses(network)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_loss_of_an_auxiliary_head_is_named():
    broken = dict(family("pspnet")["auxiliary_head"], loss_decode=dict(type="mmseg.FocalLoss"))
    with pytest.raises(ValueError, match=r"student.auxiliary_head\[0\].loss_decode"):
        check_losses(build(auxiliary_head=broken))


def test_a_head_with_a_loss_of_its_own_computes_it():
    stdc = build("stdc").auxiliary_head[1]
    torch.manual_seed(0)
    logits, label = torch.randn(2, 2, 9, 9), torch.randint(3, (2, 1, 33, 33))
    samples = [SegDataSample() for _ in label]
    for sample, data in zip(samples, label, strict=True):
        sample.gt_sem_seg = PixelData(data=data)
    losses = stdc.loss_by_feat(logits, samples)
    wanted = losses["loss_ce"] + losses["loss_dice"]
    torch.testing.assert_close(head_loss(stdc, logits, samples, label), wanted)


def test_each_head_is_brought_to_the_labels_by_its_own_corners():
    network = build(decode_head=head(align_corners=True))
    auxiliary = network.auxiliary_head
    torch.manual_seed(0)
    logits, label = torch.randn(1, 3, 3, 3), torch.randint(3, (1, 1, 9, 9))
    large = nn.functional.interpolate(logits, (9, 9), mode="bilinear", align_corners=False)
    wanted = nn.functional.cross_entropy(large, label[:, 0])
    torch.testing.assert_close(head_loss(auxiliary, logits, [], label), wanted)


SIGMOID = dict(type="CrossEntropyLoss", use_sigmoid=True)
AUXILIARY = dict(type="FCNHead", in_channels=32, channels=8, in_index=2, norm_cfg=dict(type="BN"))


@pytest.mark.parametrize("method", ["Supervised", "FixMatch", "UniMatch", "RankMatch", "CPS"])
def test_one_sigmoid_output_is_refused_by_every_method(method):
    init_default_scope("rankseg")
    student = toy_student(2)
    student.decode_head.update(out_channels=1, threshold=0.5, loss_decode=SIGMOID)
    match = r"decode_head .*out_channels=1 with num_classes=2\. Set .*out_channels=2.*threshold"
    with pytest.raises(ValueError, match=match):
        MODELS.build(dict(type=method, student=student))


@pytest.mark.parametrize(
    ("classes", "outputs", "cure"), [(1, None, 2), (1, 1, 2), (3, 1, 3), (3, 4, 3), (2, 3, 2)]
)
def test_other_numbers_of_outputs(classes, outputs, cure):
    student = toy_student(classes)
    student.decode_head.out_channels = outputs
    with pytest.raises(ValueError, match=rf"num_classes={classes}\. Set num_classes={cure}"):
        check_outputs(student)


def test_auxiliary_heads_are_looked_at_too():
    student = toy_student(3)
    student.auxiliary_head = [
        dict(AUXILIARY, num_classes=3),
        dict(AUXILIARY, num_classes=3, out_channels=1),
    ]
    with pytest.raises(ValueError, match=r"auxiliary_head\.1 .*out_channels=1 with num_classes=3"):
        check_outputs(student)
    student.auxiliary_head = dict(AUXILIARY, num_classes=19)
    with pytest.raises(ValueError, match="auxiliary_head.num_classes to be 3.* got 19"):
        check_outputs(student)
    student.auxiliary_head.num_classes = 3
    check_outputs(student)
    check_outputs(toy_classifier(3))


def test_released_evaluation_needs_a_channel_per_class():
    cfg = dict(mode="whole", evaluation="released")
    check_network(build(test_cfg=cfg))
    binary = dict(num_classes=2, out_channels=1)
    loss = dict(type="CrossEntropyLoss", use_sigmoid=True)
    network = build(test_cfg=cfg, decode_head=head(**binary, threshold=0.5, loss_decode=loss))
    with pytest.raises(ValueError, match="evaluation='released'.* got one channel.*'exact'"):
        check_network(network)
