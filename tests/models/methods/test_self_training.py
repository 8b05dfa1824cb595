# SPDX-License-Identifier: Apache-2.0
"""Options of FixMatch, UniMatch and RankMatch by which another network makes the labels."""

import pytest
import torch

from rankseg.models.methods.target import Target
from rankseg.models.mixing import cutmix_boxes, paste
from rankseg.registry import MODELS
from rankseg.structures import LABELED, WEAK, PseudoLabel, mix, strong
from rankseg.testing.toy import toy_batch, toy_student

METHODS = ("FixMatch", "UniMatch", "RankMatch")


@pytest.fixture
def checkpoint(tmp_path, build):
    """File of a supervised run with an averaged network that is sure of its labels."""
    model = build("Supervised", teacher=dict(momentum=0.1))
    with torch.no_grad():
        model.teacher.module.decode_head.conv_seg.weight.mul_(9)
    path = tmp_path / "supervised.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    return str(path), model


def test_labeler_is_the_averaged_network_of_the_run(build, checkpoint):
    path, supervised = checkpoint
    model = build("FixMatch", labeler=path)
    expected = supervised.teacher.module.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in model.labeler.state_dict().items())
    assert not any(p.requires_grad for p in model.labeler.parameters())
    assert not model.train().labeler.training
    before = {k: v.clone() for k, v in model.labeler.state_dict().items()}
    inputs, data_samples = toy_batch()
    losses = model.loss(inputs, data_samples)
    sum(v for k, v in losses.items() if k.startswith("loss")).backward()
    assert all(torch.equal(v, before[k]) for k, v in model.labeler.state_dict().items())


def test_labeler_of_a_run_without_teacher_is_its_student(build, tmp_path):
    model = build("Supervised")
    torch.save(model.state_dict(), tmp_path / "iter_9.pth")
    found = build("FixMatch", labeler=str(tmp_path / "iter_9.pth")).labeler.state_dict()
    assert all(torch.equal(v, found[k]) for k, v in model.student.state_dict().items())


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_single_pass_equals_its_formula(build, checkpoint, method, soft):
    path, supervised = checkpoint
    options = {}
    if soft:
        options = dict(soft_labels=True, unlabeled_class_weight=[0.5, 3, 2])
    model = build(
        method,
        labeler=path,
        flip_labels=True,
        single_pass=True,
        strong_views=1,
        threshold=0.5,
        **options,
    )
    inputs, data_samples = toy_batch(labeled=2, unlabeled=2)
    torch.manual_seed(0)  # gives both images a box
    found = model.loss(inputs, data_samples)
    network = supervised.teacher.module.eval()
    with torch.no_grad():
        probability = 0
        for flip in (False, True):
            weak = inputs[WEAK].flip(3) if flip else inputs[WEAK]
            logits = network.decode_head(network.extract_feat(weak))
            logits = logits.flip(3) if flip else logits
            logits = torch.nn.functional.interpolate(
                logits, weak.shape[2:], mode="bilinear", align_corners=True
            )
            probability = probability + logits.softmax(1) / 2
    confidence, label = probability.max(1)
    torch.manual_seed(0)
    size = tuple(inputs[WEAK].shape[2:])
    boxes = cutmix_boxes(2, size)
    assert boxes[:, 2].all(), "an image has no box"
    view = inputs[strong(1)]
    image = paste(view, view.roll(1, 0), boxes, size)
    label, confidence = (paste(x, x.roll(1, 0), boxes, size) for x in (label, confidence))
    valid = torch.cat([sample.valid.data for sample in data_samples[WEAK]])
    valid = paste(valid, valid.roll(1, 0), boxes, size)
    output = model.run(model.student, torch.cat((inputs[LABELED], image)))
    logits = model.upsample(output.logits[2:], size)
    each = torch.nn.functional.cross_entropy(logits, label, reduction="none")
    if soft:
        wanted = paste(probability, probability.roll(1, 0), boxes, size)
        weights = torch.tensor([0.5, 3.0, 2.0]).view(3, 1, 1)
        each = -(wanted * weights * logits.log_softmax(1)).sum(1)
    expected = (each * (confidence >= 0.5) * valid).sum() / valid.sum() / 2 * model.strong_weight
    torch.testing.assert_close(found["loss_s1"], expected)
    truth = torch.cat([sample.gt_sem_seg.data for sample in data_samples[LABELED]])
    labeled = model.upsample(output.logits[:2], truth.shape[1:])
    expected = torch.nn.functional.cross_entropy(labeled, truth, ignore_index=255) / 2
    torch.testing.assert_close(found["loss_x"], expected)
    names = {"loss_x", "loss_s1"} | ({"loss_rank1"} if method == "RankMatch" else set())
    assert {name for name in found if name.startswith("loss")} == names


@pytest.mark.parametrize("second_crop", [False, True])
def test_soft_targets_are_pasted_like_the_images(build, second_crop):
    """Images that hold the probabilities of their pixels still do after CutMix."""
    model = build("UniMatch", soft_labels=True, mix_source="same" if second_crop else "batch")
    images = {
        name(view): torch.randn(2, 3, 9, 9).softmax(1)
        for view in (WEAK, strong(1), strong(2))
        for name in ([str, mix] if second_crop else [str])
    }
    valid = torch.ones(2, 9, 9, dtype=torch.bool)

    def target_of(image: torch.Tensor) -> Target:
        confidence, label = image.max(1)
        return Target(PseudoLabel(label, confidence, valid), None, image)

    for i in (1, 2):
        images[strong(i)] = images[WEAK]
        if second_crop:
            images[mix(strong(i))] = images[mix(WEAK)]
    source = target_of(images[mix(WEAK)]) if second_crop else None
    boxes = [torch.tensor([[0, 0, 4, 5], [2, 3, 9, 9]]), torch.tensor([[0, 0, 0, 0], [1, 1, 3, 4]])]
    views, targets = model.mixed_views(images, target_of(images[WEAK]), source, boxes)
    for image, found in zip(views, targets, strict=True):
        assert not torch.equal(image, images[WEAK])
        assert torch.equal(found.probability, image)
        assert torch.equal(found.pseudo.label, image.argmax(1))


def test_flipped_labels_of_a_mirrored_image_are_mirrored(build, checkpoint):
    model = build("FixMatch", labeler=checkpoint[0], flip_labels=True, single_pass=True)
    inputs, _ = toy_batch()
    valid = torch.ones(2, *inputs[WEAK].shape[2:], dtype=torch.bool)
    plain = model.target(None, inputs[WEAK], valid).pseudo
    mirrored = model.target(None, inputs[WEAK].flip(3), valid).pseudo
    torch.testing.assert_close(mirrored.confidence, plain.confidence.flip(2))


@pytest.mark.parametrize("option", ["flip_labels", "single_pass"])
def test_raises_if_the_student_would_label(build, option):
    with pytest.raises(ValueError, match=f"model.{option}=True.*labels_from='student'.*labeler"):
        build("FixMatch", **{option: True})


def test_raises_on_labeler_that_does_not_fit(build, tmp_path):
    config = dict(type="FixMatch", student=toy_student(3), labeler=str(tmp_path / "none.pth"))
    model = MODELS.build(config)
    with pytest.raises(FileNotFoundError, match=r"model.labeler.*none\.pth.*supervised baseline"):
        model.init_weights()
    other = MODELS.build(dict(type="Supervised", student=toy_student(5)))
    torch.save(other.state_dict(), tmp_path / "none.pth")
    with pytest.raises(ValueError, match=r"same network.*conv_seg.*\(5, .*expected \(3, "):
        model.init_weights()


def test_checkpoint_without_labeler_loads(build, checkpoint):
    model, plain = build("FixMatch", labeler=checkpoint[0]), build("FixMatch")
    before = {k: v.clone() for k, v in model.labeler.state_dict().items()}
    model.load_state_dict(plain.state_dict())
    assert all(torch.equal(v, before[k]) for k, v in model.labeler.state_dict().items())


def test_raises_on_number_of_views(build):
    with pytest.raises(ValueError, match="model.strong_views.*at least 1.*0"):
        build("RankMatch", strong_views=0)


@pytest.mark.parametrize(
    "weights",
    [[1, 2], [1, 2, -1], [1, 2, float("nan")], [0, 0, 0], 2.0, {0: 1, 1: 2, 2: 3}, ["1", 2, 3]],
)
def test_raises_on_class_weights(build, weights):
    with pytest.raises(ValueError, match=r"model.unlabeled_class_weight.*3 numbers of at least 0"):
        build("FixMatch", unlabeled_class_weight=weights)


def test_class_weights_are_not_part_of_a_checkpoint(build):
    plain, weighted = build("FixMatch"), build("FixMatch", unlabeled_class_weight=[1, 2, 3])
    assert weighted.state_dict().keys() == plain.state_dict().keys()
    weighted.load_state_dict(plain.state_dict(), strict=True)
    assert weighted.unlabeled_class_weight.tolist() == [1, 2, 3]


@pytest.mark.parametrize("teacher", [None, {"momentum": 0.5}])
def test_tiny_form_needs_no_labeler(tmp_path, teacher):
    config = dict(labeler=str(tmp_path / "iter_400.pth"), flip_labels=True, single_pass=True)
    config["teacher"] = teacher
    kind = MODELS.get("FixMatch")
    kind.make_tiny(config, 5)
    assert config["labeler"] is None and config["flip_labels"] and config["single_pass"]
    assert config["labels_from"] == "teacher"
    assert config["teacher"]["momentum"] == (0.5 if teacher else 0.01)
    (tmp_path / "iter_400.pth").touch()
    config["labeler"] = str(tmp_path / "iter_400.pth")
    kind.make_tiny(config, 5)
    assert config["labeler"] is not None
