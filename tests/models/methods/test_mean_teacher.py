# SPDX-License-Identifier: Apache-2.0
"""Mean Teacher against a step written out from the paper."""

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.methods import base
from rankseg.models.segmentors.student import head_loss
from rankseg.testing.toy import toy_batch, toy_class_batch, toy_classifier

TEACHER = dict(momentum=0.1)


def probabilities(network, images, size):
    logits = network.decode_head(network.extract_feat(images))
    return F.interpolate(logits, size, mode="bilinear", align_corners=True).softmax(1)


@pytest.mark.parametrize("task", ["segmentation", "classification"])
def test_step_equals_the_paper(build, task):
    student, batch = (
        (None, toy_batch) if task == "segmentation" else (toy_classifier(), toy_class_batch)
    )
    inputs, samples = batch()
    method = build("MeanTeacher", student=student, teacher=TEACHER, consistency_weight=7.0)
    with torch.no_grad():
        for parameter in method.teacher.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    size = samples["weak"][0].valid.data.shape[1:]
    method.student.eval()  # so that labelled and strong images can run apart
    losses = method.loss(inputs, samples)
    mine = probabilities(method.student, inputs["strong1"], size)
    with torch.no_grad():
        theirs = probabilities(method.teacher.module, inputs["weak"], size)
    total, count = 0, 0
    for p, q, sample in zip(mine, theirs, samples["weak"], strict=True):
        for y, x in sample.valid.data[0].nonzero().tolist():
            total, count = total + ((p[:, y, x] - q[:, y, x]) ** 2).sum() / len(p), count + 1
    torch.testing.assert_close(losses["loss_consistency"], 7 * total / count, rtol=1e-4, atol=1e-7)
    logits = method.student.decode_head(method.student.extract_feat(inputs["labeled"]))
    label = torch.stack([s.gt_sem_seg.data for s in samples["labeled"]])
    wanted = head_loss(method.student.decode_head, logits, samples["labeled"], label)
    torch.testing.assert_close(losses["loss_x"], wanted, rtol=1e-4, atol=1e-6)


def test_two_outputs(build):
    method = build(
        "MeanTeacher",
        student=toy_classifier(),
        teacher=TEACHER,
        consistency_weight=7.0,
        consistency_tap="decode_head.branches.consistency",
        distance_weight=0.5,
    )
    method.student.eval()
    inputs, samples = toy_class_batch()
    losses = method.loss(inputs, samples)
    net = method.student
    pooled = net.extract_feat(torch.cat((inputs["labeled"], inputs["strong1"])))[-1].mean((2, 3))
    first = net.decode_head.conv_seg(pooled[..., None, None]).flatten(1)
    second = net.decode_head.branches["consistency"](pooled)
    torch.testing.assert_close(losses["loss_distance"], 0.5 * ((first - second) ** 2).mean())
    with torch.no_grad():
        weak = method.teacher.module.extract_feat(inputs["weak"])[-1].mean((2, 3))
        head = method.teacher.module.decode_head
        target = head.conv_seg(weak[..., None, None]).flatten(1).softmax(1)  # its class logits
    wanted = 7 * ((second[4:].softmax(1) - target) ** 2).mean()
    torch.testing.assert_close(losses["loss_consistency"], wanted, rtol=1e-4, atol=1e-7)


def test_labeled_images_can_be_left_out_of_the_consistency(build):
    options = dict(student=toy_classifier(), teacher=TEACHER, labeled_consistency=False)
    method = build("MeanTeacher", **options)
    method.student.eval()
    inputs, samples = toy_class_batch(labeled=2)
    wanted = method.loss(inputs, samples)
    inputs["labeled_twin"] = inputs["labeled"] + torch.randn_like(inputs["labeled"])
    torch.testing.assert_close(method.loss(inputs, samples), wanted)


def test_a_second_draw_of_the_labeled_images_takes_part(build):
    method = build(
        "MeanTeacher",
        student=toy_classifier(),
        teacher=TEACHER,
        consistency_weight=7.0,
        whole_batch=True,
    )
    method.student.eval()
    inputs, samples = toy_class_batch(labeled=2)
    alone = method.loss(inputs, samples)
    inputs["labeled_twin"] = inputs["labeled"] + torch.randn_like(inputs["labeled"])
    losses = method.loss(inputs, samples)
    mine = [
        method.student.decode_head(method.student.extract_feat(inputs[v]))
        for v in ("labeled", "strong1")
    ]
    theirs = [
        method.teacher.module.decode_head(method.teacher.module.extract_feat(inputs[v]))
        for v in ("labeled_twin", "weak")
    ]
    gap = (torch.cat(mine).softmax(1) - torch.cat(theirs).softmax(1)) ** 2
    torch.testing.assert_close(losses["loss_consistency"], 7 * gap.mean(), rtol=1e-4, atol=1e-7)
    gap = gap[2:]
    torch.testing.assert_close(alone["loss_consistency"], 7 * gap.mean(), rtol=1e-4, atol=1e-7)
    truth = torch.tensor([s.gt_sem_seg.data.item() for s in samples["labeled"]])
    total = F.cross_entropy(mine[0].flatten(1), truth, reduction="sum")
    torch.testing.assert_close(losses["loss_x"], total / 6, rtol=1e-4, atol=1e-6)


def test_a_teacher_of_parameters_only_normalizes_by_the_batch(build):
    method = build("MeanTeacher", teacher=dict(momentum=0.1, buffers=False))
    inputs, samples = toy_batch()
    seen = []
    method.teacher.module.register_forward_pre_hook(lambda m, a: seen.append(m.training))
    method.teacher.module.backbone.register_forward_pre_hook(lambda m, a: seen.append(m.training))
    method.loss(inputs, samples)
    assert seen == [True]
    assert method.teacher.module.training  # as it was
    method.eval()
    method.run_frozen("teacher", inputs["weak"])
    assert seen == [True, False]


def test_a_teacher_follows_faster_in_its_early_steps(build):
    teacher = dict(momentum=0.1, early_momentum=0.5, early_steps=3)
    method = build("MeanTeacher", student=toy_classifier(), teacher=teacher)
    name = "decode_head.conv_seg.weight"
    first = method.student.get_parameter(name).detach().clone()
    gap = 0.0  # between the student, which moves by 1, and the teacher
    for share in (1.0, 0.5, 0.5, 0.1, 0.1):
        with torch.no_grad():
            method.student.get_parameter(name).add_(1.0)
        method.update_teacher()
        gap = (gap + 1) * (1 - share)
        student = method.student.get_parameter(name)
        torch.testing.assert_close(method.teacher.module.get_parameter(name), student - gap)
    assert (student - first).eq(5).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(early_momentum=0.5), "early_steps .*got 0"),
        (dict(early_steps=3), "early_momentum .*got None"),
        (dict(early_momentum=2.0, early_steps=3), "early_momentum .*got 2"),
        (dict(early_momentum=0.5, early_steps=3, warmup=True), "warmup .*got True"),
    ],
)
def test_bad_early_steps(build, options, message):
    with pytest.raises(ValueError, match=f"model.teacher.{message}"):
        build("MeanTeacher", teacher=dict(momentum=0.1, **options))


def test_warmup_runs_the_labeled_images_only(build, monkeypatch):
    method = build("MeanTeacher", teacher=TEACHER, warmup=5)
    monkeypatch.setattr(type(method), "unsupervised_weight", lambda self: 0.0)
    inputs, samples = toy_batch()
    assert set(method.loss({"labeled": inputs["labeled"]}, samples)) == {"loss_x"}


def test_sigmoid_rampup():
    assert base.sigmoid_rampup(0.0) == pytest.approx(0.00674, abs=1e-5)
    assert base.sigmoid_rampup(0.5) == pytest.approx(0.28650, abs=1e-5)
    assert base.sigmoid_rampup(1.0) == base.sigmoid_rampup(3.0) == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(teacher=None), "Set model.teacher"),
        (dict(consistency_weight=-1.0), "model.consistency_weight .*got -1"),
        (dict(consistency_tap="decode_head.x"), "consistency_tap .*got 'decode_head.x'"),
        (
            dict(consistency_tap="decode_head.fuse.0.0"),
            "to be 3, the number of classes, but got 16",
        ),
        (dict(ramp_shape="steep"), "model.ramp_shape .*got 'steep'"),
        (dict(teacher=dict(momentum=0.1, decay=1)), "model.teacher .*got {"),
    ],
)
def test_bad_options(build, options, message):
    with pytest.raises(ValueError, match=message):
        build("MeanTeacher", **{"teacher": TEACHER, **options})
