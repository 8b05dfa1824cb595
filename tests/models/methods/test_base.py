# SPDX-License-Identifier: Apache-2.0
"""What holds for every method."""

import pytest
import torch
from mmengine.logging import MessageHub
from mmseg.structures import SegDataSample

from rankseg.models.methods.base import valid_pixels
from rankseg.testing.toy import toy_batch, toy_student

SEMI = ["FixMatch", "UniMatch", "RankMatch"]
METHODS = ["Supervised", *SEMI, "CPS", "CCT"]


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_learns(build, name):
    method = build(name)
    loss, logged = method.parse_losses(method.loss(*toy_batch()))
    loss.backward()
    assert loss.isfinite()
    without = [n for n, p in method.named_parameters() if p.grad is None]
    assert not without
    assert set(logged) >= {"loss", "loss_x"}


@pytest.mark.parametrize("name", METHODS)
def test_loss_falls_when_trained(build, name):
    method = build(name)
    batch = toy_batch()
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    history = []
    for _ in range(30):
        loss, logged = method.parse_losses(method.loss(*batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(logged["loss_x"].item())
    assert 0 < history[-1] < 0.8 * history[0]


@pytest.mark.parametrize("name", ["UniMatch", "RankMatch"])
def test_one_image(build, name):
    # one unlabelled image cannot mix within its batch and takes the second crop
    method = build(name)
    inputs, samples = toy_batch(1, 1, mixed=True)
    loss, _ = method.parse_losses(method.loss(inputs, samples))
    assert loss.isfinite()


@pytest.mark.parametrize("name", METHODS)
def test_nothing_labeled_and_nothing_valid(build, name):
    method = build(name)
    inputs, samples = toy_batch()
    for sample in samples["labeled"]:
        sample.gt_sem_seg.data.fill_(255)
    for sample in samples["weak"]:
        sample.valid.data.fill_(False)
    losses = method.loss(inputs, samples)
    assert all(value.isfinite() for value in losses.values())
    assert losses["loss_x"].item() == 0
    assert losses.get("loss_s1", torch.zeros(())).item() == 0


@pytest.mark.parametrize("name", SEMI)
def test_nothing_confident(build, name):
    method = build(name, threshold=1.0)
    losses = method.loss(*toy_batch())
    assert losses["loss_s1"].item() == 0 and losses["confident"].item() == 0


@pytest.mark.parametrize("name", METHODS)
def test_bfloat16_autocast(build, name):
    method = build(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = method.loss(*toy_batch())
    assert all(value.isfinite() for value in losses.values())
    assert all(losses[key].dtype == torch.float32 for key in losses if key.startswith("loss"))


@pytest.mark.parametrize("name", METHODS)
def test_predictions_have_the_size_of_the_image(build, name):
    method = build(name).eval()
    shape = dict(ori_shape=(40, 27), img_shape=(40, 27), pad_shape=(40, 27))
    images = torch.randn(1, 3, 40, 27)
    (result,) = method.predict(images, [SegDataSample(metainfo=shape)])
    assert result.pred_sem_seg.shape == (40, 27)
    assert torch.equal(result.pred_sem_seg.data[0], result.seg_logits.data.argmax(0))
    (bare,) = method.predict(images)
    assert torch.equal(bare.pred_sem_seg.data, result.pred_sem_seg.data)


def test_teacher_starts_as_the_student_and_follows_it(build):
    method = build("Supervised", teacher=dict(momentum=0.25))
    student, teacher = method.student.state_dict(), method.teacher.module.state_dict()
    assert all(torch.equal(student[key], teacher[key]) for key in student)
    method.update_teacher()  # the first update copies
    before = {key: value.clone() for key, value in teacher.items()}
    with torch.no_grad():
        for parameter in method.student.parameters():
            parameter.add_(1)
        method.student.backbone.stem[1].running_mean.add_(4)
    method.update_teacher()
    key = "decode_head.conv_seg.weight"
    torch.testing.assert_close(teacher[key], 0.75 * before[key] + 0.25 * student[key])
    key = "backbone.stem.1.running_mean"
    torch.testing.assert_close(teacher[key], before[key] + 1)


def test_a_young_teacher_is_the_mean_of_all_students(build):
    method = build("Supervised", teacher=dict(momentum=0.25, warmup=True))
    student = method.student.decode_head.conv_seg.bias
    teacher = method.teacher.module.decode_head.conv_seg.bias
    seen = []
    for value in (4.0, 1.0, 7.0, 0.0):  # the share falls to 1/4 with the fourth
        with torch.no_grad():
            student.fill_(value)
        method.update_teacher()
        seen.append(value)
        torch.testing.assert_close(teacher, torch.full_like(teacher, sum(seen) / len(seen)))
    with torch.no_grad():
        student.fill_(11.0)
    method.update_teacher()
    torch.testing.assert_close(teacher, torch.full_like(teacher, 0.75 * 3 + 0.25 * 11))


def test_teacher_with_a_larger_warmup_forgets_the_first_students_faster(build):
    method = build("Supervised", teacher=dict(momentum=0.5, warmup=3))
    student = method.student.decode_head.conv_seg.bias
    teacher = method.teacher.module.decode_head.conv_seg.bias
    # copy; then shares of 3/4, 3/5, and 1/2, which is larger than 3/6 no more
    for value, expected in ((8.0, 8.0), (0.0, 2.0), (7.0, 5.0), (1.0, 3.0), (5.0, 4.0)):
        with torch.no_grad():
            student.fill_(value)
        method.update_teacher()
        torch.testing.assert_close(teacher, torch.full_like(teacher, expected))


def test_teacher_warmup_is_not_negative(build):
    with pytest.raises(ValueError, match="model.teacher.warmup .*such as 9.*got -1"):
        build("Supervised", teacher=dict(momentum=0.5, warmup=-1))


def test_teacher_never_leaves_eval_mode_and_never_learns(build):
    method = build("FixMatch", teacher=dict(momentum=0.1), labels_from="teacher")
    assert method.training and method.student.training and not method.teacher.module.training
    before = {k: v.clone() for k, v in method.teacher.state_dict().items()}
    method.parse_losses(method.loss(*toy_batch()))[0].backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    assert all(torch.equal(v, before[k]) for k, v in method.teacher.state_dict().items())
    assert not any(p.requires_grad for p in method.teacher.parameters())


def test_labels_can_come_from_the_teacher(build):
    method = build("FixMatch", teacher=dict(momentum=0.1), labels_from="teacher")
    inputs, samples = toy_batch()
    with torch.no_grad():
        method.teacher.module.decode_head.conv_seg.bias.copy_(torch.tensor([0.0, 50.0, 0.0]))
    target = method.target(None, inputs["weak"], valid_pixels(samples["weak"]))
    assert (target.pseudo.label == 1).all()


def test_both_networks_predict(build):
    shape = dict(ori_shape=(33, 33), img_shape=(33, 33), pad_shape=(33, 33))
    images = torch.randn(1, 3, 33, 33)
    for predict_on, other, mine in (("student", "teacher", 0), ("teacher", "student", 1)):
        method = build("Supervised", teacher=dict(momentum=0.1), predict_on=predict_on).eval()
        with torch.no_grad():
            method.student.decode_head.conv_seg.bias.copy_(torch.tensor([90.0, 0.0, 0.0]))
            method.teacher.module.decode_head.conv_seg.bias.copy_(torch.tensor([0.0, 90.0, 0.0]))
        (result,) = method.predict(images, [SegDataSample(metainfo=shape)])
        assert (result.pred_sem_seg.data == mine).all()
        assert (getattr(result, f"{other}_sem_seg").data == 1 - mine).all()


def test_plain_checkpoint_goes_to_student_and_teacher(build):
    source = build("Supervised")
    with torch.no_grad():
        source.student.decode_head.conv_seg.bias.fill_(3)
    method = build("RankMatch", teacher=dict(momentum=0.1))
    method.load_state_dict(source.student.state_dict(), strict=True)
    for network in (method.student, method.teacher.module):
        assert (network.decode_head.conv_seg.bias == 3).all()


def test_own_checkpoint_round_trip(build):
    method, other = (build("RankMatch", teacher=dict(momentum=0.1)) for _ in range(2))
    method.update_teacher()
    with torch.no_grad():
        method.student.decode_head.conv_seg.bias.fill_(3)
    other.load_state_dict(method.state_dict(), strict=True)
    for key, value in method.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


def test_warmup_and_ramp(build):
    method = build("UniMatch", warmup=10, ramp=4)
    hub = MessageHub.get_current_instance()
    try:
        weights = []
        for step in (0, 9, 10, 11, 14, 100):
            hub.update_info("iter", step)
            weights.append(method.unsupervised_weight())
        assert weights == [0, 0, 0.2, 0.4, 1, 1]
        hub.update_info("iter", 3)
        assert set(method.loss(*toy_batch())) == {"loss_x"}
    finally:
        hub.update_info("iter", 0)


def test_auxiliary_heads_take_part(build):
    student = toy_student()
    student.auxiliary_head = dict(
        type="FCNHead",
        in_channels=32,
        in_index=2,
        channels=8,
        num_convs=1,
        num_classes=3,
        norm_cfg=dict(type="BN"),
        align_corners=True,
        loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True, loss_weight=0.4),
    )
    method = build("UniMatch", student=student)
    method.parse_losses(method.loss(*toy_batch()))[0].backward()
    assert method.student.auxiliary_head.conv_seg.weight.grad.abs().sum() > 0


def test_head_of_mmseg_as_student(build):
    student = toy_student()
    student.decode_head = dict(
        type="DepthwiseSeparableASPPHead",
        in_channels=64,
        in_index=3,
        channels=16,
        dilations=(1, 6),
        c1_in_channels=8,
        c1_channels=8,
        num_classes=3,
        norm_cfg=dict(type="BN"),
        align_corners=True,
        loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
    )
    method = build("RankMatch", student=student)
    loss, logged = method.parse_losses(method.loss(*toy_batch()))
    loss.backward()
    assert logged["loss_rank1"] > 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            dict(predict_on="teacher"),
            ValueError,
            "model.predict_on .*got 'teacher'.*model.teacher=dict",
        ),
        (dict(labels_from="both"), ValueError, "model.labels_from .*got 'both'"),
        (dict(warmup=-1), ValueError, "model.warmup .*got -1"),
        (dict(teacher=dict(momentum=2.0)), ValueError, "model.teacher.momentum .*got 2.0"),
        (
            dict(pretrained="no.pth"),
            FileNotFoundError,
            "model.pretrained .*'no.pth' does not exist.*=None",
        ),
    ],
)
def test_bad_options(build, options, error, message):
    with pytest.raises(error, match=message):
        build("Supervised", **options)


@pytest.mark.parametrize("size", [(33, 49), (34, 50), (40, 47), (48, 64)])
@pytest.mark.parametrize("align_corners", [True, False])
def test_training_resizes_logits_as_prediction_does(build, size, align_corners):
    student = toy_student()
    student.decode_head.align_corners = align_corners
    method = build("Supervised", student=student).eval()
    images = torch.randn(2, 3, *size)
    with torch.no_grad():
        predicted = method.student.encode_decode(images, [{"img_shape": size}] * 2)
        trained = method.upsample(method.run(method.student, images).logits, size)
    assert torch.equal(trained, predicted)


def test_labeled_loss_of_even_crops_sees_the_prediction(build):
    method = build("Supervised").eval()
    inputs, samples = toy_batch(size=34)
    logits = method.student.encode_decode(inputs["labeled"], [{"img_shape": (34, 34)}] * 2)
    label = torch.cat([sample.gt_sem_seg.data for sample in samples["labeled"]])
    wanted = torch.nn.functional.cross_entropy(logits, label, ignore_index=255)
    found = method.loss(inputs, samples)["loss_x"]
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=0)
