# SPDX-License-Identifier: Apache-2.0
"""CPS against a step written out from the paper."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.models import mixing
from rankseg.models.methods import cps
from rankseg.models.weights.transfer import reinit_classifier
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_batch, toy_class_batch, toy_classifier, toy_student

BOXES = [torch.tensor([[4, 0, 20, 9], [0] * 4]), torch.tensor([[0, 0, 16, 33], [9, 9, 33, 33]])]


def predict(network, images):
    logits = network.decode_head(network.extract_feat(images))
    return F.interpolate(logits, (33, 33), mode="bilinear", align_corners=True)


def truth(samples):
    return torch.cat([sample.gt_sem_seg.data for sample in samples["labeled"]])


def cross(logits, label, valid):
    """Mean over valid pixels, one by one."""
    total = 0.0
    for b, y, x in valid.nonzero().tolist():
        total = total - logits[b, :, y, x].log_softmax(0)[label[b, y, x]]
    return total / valid.sum()


def cut(target, source, boxes):
    """Paste image by image."""
    out = target.clone()
    for image, content, (x1, y1, x2, y2) in zip(out, source, boxes.tolist(), strict=True):
        image[..., y1:y2, x1:x2] = content[..., y1:y2, x1:x2]
    return out


def reference(method, inputs, samples, pasted):
    """The terms of a step in which every image runs alone (eval mode)."""
    one, two = method.student, method.second
    logits_x = [predict(network, inputs["labeled"]) for network in (one, two)]
    logits_u = [predict(network, inputs["weak"]) for network in (one, two)]
    valid = torch.cat([sample.valid.data for sample in samples["weak"]])
    if pasted:
        images, maps = inputs["weak"], [valid, *(logits.argmax(1) for logits in logits_u)]
        sources = [images.flip(0), *(part.flip(0) for part in maps)]  # of two, the other one
        for boxes in BOXES:
            images, *maps = (
                cut(mine, theirs, boxes)
                for mine, theirs in zip([images, *maps], sources, strict=True)
            )
        valid, *labels = maps
        logits = [predict(network, images) for network in (one, two)]
    else:
        logits = [torch.cat(pair) for pair in zip(logits_x, logits_u, strict=True)]
        labels = [some.argmax(1) for some in logits]
        valid = torch.cat((torch.ones_like(truth(samples), dtype=torch.bool), valid))
    return {
        "loss_x": F.cross_entropy(logits_x[0], truth(samples), ignore_index=255),
        "loss_x2": F.cross_entropy(logits_x[1], truth(samples), ignore_index=255),
        "loss_cps1": 1.5 * cross(logits[0], labels[1], valid),
        "loss_cps2": 1.5 * cross(logits[1], labels[0], valid),
    }


@pytest.fixture
def boxes(monkeypatch):
    """Fixed boxes, two for every image."""
    drawn = iter(BOXES)
    monkeypatch.setattr(mixing, "cutmix_boxes", lambda *args: next(drawn))


@pytest.mark.parametrize("pasted", [False, True])
def test_step_and_its_gradient_equal_the_paper(build, vary, boxes, pasted):
    inputs, samples = toy_batch()
    method = build("CPS", cutmix=dict(boxes=2) if pasted else None).eval()
    for network in (method.student, method.second):
        vary(network, inputs["weak"])
    losses = method.loss(inputs, samples)
    wanted = reference(method, inputs, samples, pasted)
    assert set(losses) == {*wanted, "agreement"}
    for name, value in wanted.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-4, atol=1e-6, msg=name)
    parameters = [*method.student.parameters(), *method.second.parameters()]
    found = torch.autograd.grad(sum(losses[name] for name in wanted), parameters)
    expected = torch.autograd.grad(sum(wanted.values()), parameters)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("cutmix", [None, dict(boxes=2)])
def test_swapped_students_swap_the_terms(build, boxes, cutmix, monkeypatch):
    inputs, samples = toy_batch()
    found = []
    method = build("CPS", cutmix=cutmix)
    one, two = (
        {key: value.clone() for key, value in network.state_dict().items()}
        for network in (method.student, method.second)
    )
    for first, second in ((one, two), (two, one)):
        drawn = iter(BOXES)
        monkeypatch.setattr(mixing, "cutmix_boxes", lambda *args, drawn=drawn: next(drawn))
        method.student.load_state_dict(first)
        method.second.load_state_dict(second)
        found.append(method.loss(inputs, samples))
    for name, other in (("loss_x", "loss_x2"), ("loss_cps1", "loss_cps2")):
        assert found[0][name] != found[0][other]
        for mine, theirs in ((name, other), (other, name)):
            torch.testing.assert_close(found[0][mine], found[1][theirs])
    torch.testing.assert_close(found[0]["agreement"], found[1]["agreement"])


@pytest.mark.parametrize("cutmix", [None, {}])
def test_a_student_does_not_learn_from_what_it_teaches(build, cutmix):
    method = build("CPS", cutmix=cutmix)
    losses = method.loss(*toy_batch())
    for name, learner, other in (
        ("loss_cps1", method.student, method.second),
        ("loss_cps2", method.second, method.student),
    ):
        grads = torch.autograd.grad(
            losses[name],
            [*learner.parameters(), *other.parameters()],
            retain_graph=True,
            allow_unused=True,
        )
        count = len(list(learner.parameters()))
        assert all(grad is not None for grad in grads[:count])
        assert all(grad is None for grad in grads[count:])


def test_students_of_one_mind_agree_everywhere(build):
    method = build("CPS")
    method.second.load_state_dict(method.student.state_dict())
    losses = method.loss(*toy_batch())
    assert losses["agreement"] == 1
    assert losses["loss_cps1"] == losses["loss_cps2"]


def test_padding_of_labeled_images_does_not_count(build, vary):
    inputs, samples = toy_batch()
    method = build("CPS").eval()
    for network in (method.student, method.second):
        vary(network, inputs["weak"])
    for sample in samples["labeled"]:
        valid = torch.zeros(1, 33, 33, dtype=torch.bool)
        valid[:, :20] = True
        sample.set_data({"valid": PixelData(data=valid)})
    losses = method.loss(inputs, samples)
    logits = [
        torch.cat([predict(network, inputs[view]) for view in ("labeled", "weak")])
        for network in (method.student, method.second)
    ]
    valid = torch.cat([s.valid.data for view in ("labeled", "weak") for s in samples[view]])
    wanted = 1.5 * cross(logits[0], logits[1].argmax(1), valid)
    torch.testing.assert_close(losses["loss_cps1"], wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("options", [dict(warmup=5), dict(cross_weight=0.0)])
def test_warmup_trains_both_on_the_labeled_images_only(build, options):
    method = build("CPS", **options)
    inputs, samples = toy_batch()
    losses = method.loss({"labeled": inputs["labeled"]}, samples)
    assert set(losses) == {"loss_x", "loss_x2"}
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in method.parameters())


def test_without_warmup_the_weight_counts_at_once(build):
    batch = toy_batch()
    first, second = (build("CPS", cross_weight=weight) for weight in (1.0, 2.0))
    second.load_state_dict(first.state_dict())
    one, two = first.loss(*batch), second.loss(*batch)
    torch.testing.assert_close(2 * one["loss_cps1"], two["loss_cps1"])
    torch.testing.assert_close(one["loss_x2"], two["loss_x2"])


def test_pseudo_labels_are_counted_as_they_were_before_pasting(build):
    inputs, samples = toy_class_batch()
    method = build("CPS", student=toy_classifier(), track_pseudo_labels=True)
    method.loss(inputs, samples)
    assert method.quality.compute()["count"] == 4


def test_one_unlabeled_image_cannot_be_pasted_into(build):
    build("CPS").loss(*toy_batch(1, 1))
    with pytest.raises(
        ValueError, match="2 unlabeled images per process.*got 1.*model.cutmix=None"
    ):
        build("CPS", cutmix={}).loss(*toy_batch(2, 1))
    assert (build("CPS").strong_views, build("CPS", cutmix={}).strong_views) == (2, 1)


# --- weights


def equal(one, two, part):
    states = [
        {key: value for key, value in network.state_dict().items() if key.startswith(part)}
        for network in (one, two)
    ]
    return all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_students_begin_differently(build, tmp_path):
    method = build("CPS")
    for part in ("backbone.stem.0", "decode_head.conv_seg.weight", "decode_head.aspp.point.0"):
        assert not equal(method.student, method.second, part)
    weights = {k: v + 1 for k, v in method.student.backbone.state_dict().items()}
    torch.save(weights, tmp_path / "backbone.pth")
    method = build("CPS", pretrained=str(tmp_path / "backbone.pth"))
    assert equal(method.student, method.second, "backbone.")
    assert torch.equal(
        method.second.backbone.state_dict()["stem.0.weight"], weights["stem.0.weight"]
    )
    assert not equal(method.student, method.second, "decode_head.conv_seg.weight")


@pytest.mark.parametrize("teacher", [None, dict(momentum=0.1)])
@pytest.mark.parametrize("plain", [True, False])
def test_a_checkpoint_of_one_network_is_for_both_but_for_the_second_head(build, plain, teacher):
    source = build("Supervised", teacher=teacher)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.add_(1)
    method = build("CPS", teacher=teacher)
    head = {k: v.clone() for k, v in method.second.decode_head.state_dict().items()}
    state = (source.student if plain else source).state_dict()
    method.load_state_dict(state, strict=True)
    assert equal(method.student, source.student, "")
    assert equal(method.second, source.student, "backbone.")
    for key, value in method.second.decode_head.state_dict().items():
        assert torch.equal(value, head[key]), key


def test_own_checkpoint_round_trip(build):
    method, other = (build("CPS", teacher=dict(momentum=0.1)) for _ in range(2))
    with torch.no_grad():
        for parameter in method.second.parameters():
            parameter.add_(2)
    other.load_state_dict(method.state_dict(), strict=True)
    for key, value in method.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


def test_a_checkpoint_of_other_classes_gives_both_their_encoders(build):
    source, method = build("CPS", student=toy_student(5)), build("CPS")
    state = dict(source.state_dict())
    replaced = [one.split()[0] for one in reinit_classifier(method, state)]
    assert replaced == [
        f"{network}.decode_head.conv_seg.{part}"
        for network in ("student", "second")
        for part in ("weight", "bias")
    ]
    method.load_state_dict(state, strict=True)
    for network in ("student", "second"):
        assert equal(getattr(method, network), getattr(source, network), "backbone.")


def test_half_a_second_student_is_refused(build):
    method = build("CPS")
    state = method.state_dict()
    del state["second.decode_head.conv_seg.bias"]
    with pytest.raises(RuntimeError, match="second.decode_head.conv_seg.bias"):
        method.load_state_dict(state, strict=True)


def test_the_head_s_learning_rate_is_for_both_heads(build):
    rule = dict(
        type="OptimWrapper",
        optimizer=dict(type="SGD", lr=0.001),
        paramwise_cfg=dict(custom_keys={"decode_head": dict(lr_mult=10.0)}),
    )
    method = build("CPS")
    wrapper = build_optim_wrapper(method, rule)
    rates = {id(group["params"][0]): group["lr"] for group in wrapper.param_groups}
    for network in (method.student, method.second):
        for name, parameter in network.named_parameters():
            assert rates[id(parameter)] == pytest.approx(0.01 if "decode_head" in name else 0.001)


# --- prediction


def test_the_first_student_predicts_or_both(build):
    meta = dict(ori_shape=(40, 27), img_shape=(40, 27), pad_shape=(40, 27))
    images, found = torch.randn(1, 3, 40, 27), {}
    one, both = (build("CPS", average=average).eval() for average in (False, True))
    both.load_state_dict(one.state_dict())
    for name, method in (("one", one), ("both", both)):
        (found[name],) = method.predict(images, [SegDataSample(metainfo=meta)])
    chances = [
        network.encode_decode(images, [meta])[0].softmax(0) for network in (one.student, one.second)
    ]
    torch.testing.assert_close(found["one"].seg_logits.data.softmax(0), chances[0])
    mean = sum(chances) / 2
    torch.testing.assert_close(found["both"].seg_logits.data.softmax(0), mean)
    assert torch.equal(found["both"].pred_sem_seg.data[0], mean.argmax(0))
    assert both.network("student").encode_decode(images, [meta]).shape == (1, 3, 40, 27)
    assert not set(both.state_dict()) ^ set(one.state_dict())


def test_images_of_one_class_are_not_cut(build):
    class Data:
        labeled = type("Labeled", (), {"image_level": True})()

    with pytest.raises(ValueError, match="model.cutmix pastes .* Set model.cutmix=None"):
        build("CPS", student=toy_classifier(), cutmix={}).check_dataset(Data())
    build("CPS", student=toy_classifier()).check_dataset(Data())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(cross_weight=-1.0), "model.cross_weight .*got -1"),
        (dict(cutmix=dict(boxes=0)), "boxes=0"),
        (dict(cutmix=dict(box=2)), "model.cutmix .*got {'box': 2}"),
        (dict(cutmix=dict(area=(0.5, 0.2))), r"area=\(0.5, 0.2\)"),
        (
            dict(labels_from="teacher", teacher=dict(momentum=0.1)),
            "model.labels_from .*got 'teacher'",
        ),
        (
            dict(predict_on="teacher", average=True, teacher=dict(momentum=0.1)),
            "predict_on .*got 'teacher'.*average=False",
        ),
    ],
)
def test_bad_options(build, options, message):
    with pytest.raises(ValueError, match=message):
        build("CPS", **options)


def test_config_of_the_student_is_not_changed():
    student = toy_student()
    before = str(student)
    MODELS.build(dict(type=cps.CPS, student=student))
    assert str(student) == before
