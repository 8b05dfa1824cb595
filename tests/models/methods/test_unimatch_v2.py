# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn import functional as F

from rankseg.models.layers.perturbations import complementary_dropout
from rankseg.models.mixing import cutmix_boxes
from rankseg.structures import LABELED, WEAK, strong
from rankseg.testing.toy import toy_batch


def test_dropout_masks_of_the_two_views_are_complements():
    torch.manual_seed(0)
    fine, coarse = torch.ones(16, 200, 2, 2), torch.ones(16, 200, 1, 1)
    other = torch.ones(16, 7, 1, 1)
    masked, small, narrow = complementary_dropout((fine, coarse, other), keep=0.5)
    first, second = masked[:8], masked[8:]
    torch.testing.assert_close(first + second, torch.full_like(first, 2.0))
    kept = [(row == 1).all().item() for row in first]
    assert sum(kept) == 4
    for row, same in zip(first, kept, strict=True):
        values = row[:, 0, 0]
        assert same or set(values.tolist()) == {0.0, 2.0}
        assert same or 60 < (values == 2).sum() < 140
        assert (row == row[:, :1, :1]).all()  # whole channels
    assert torch.equal(small[:, :, 0, 0], masked[:, :, 0, 0])  # one mask for maps of one width
    torch.testing.assert_close(narrow[:8] + narrow[8:], torch.full_like(narrow[:8], 2.0))


def test_class_tokens_lose_the_channels_of_their_maps():
    torch.manual_seed(0)
    maps, tokens = torch.ones(8, 16, 2, 2), torch.ones(8, 16)
    ((masked, token), (other, _)) = complementary_dropout([(maps, tokens), (maps, tokens)], 0.0)
    assert set(token.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(masked[:, :, 0, 0], token) and torch.equal(other, masked)
    torch.testing.assert_close(token[:4] + token[4:], torch.full((4, 16), 2.0))


@pytest.mark.parametrize(("count", "keep", "kept"), [(1, 0.5, 0), (3, 0.5, 1), (2, 1.0, 2)])
def test_share_of_images_without_dropout_is_rounded_down(count, keep, kept):
    (masked,) = complementary_dropout((torch.ones(2 * count, 64, 1, 1),), keep)
    assert sum((row == 1).all().item() for row in masked[:count]) == kept


def reference(model, inputs, data_samples, boxes) -> dict[str, torch.Tensor]:
    """Losses of a step with keep=1 (no dropout), image by image and pixel by pixel."""
    teacher, student = model.teacher.module, model.student

    def run(network, images):
        logits = network.decode_head(network.extract_feat(images)).float()
        return F.interpolate(logits, images.shape[2:], mode="bilinear", align_corners=True)

    with torch.no_grad():
        confidence, label = run(teacher.eval(), inputs[WEAK]).softmax(1).max(1)
    truth = torch.cat([sample.gt_sem_seg.data for sample in data_samples[LABELED]])
    losses = {"loss_x": F.cross_entropy(run(student, inputs[LABELED]), truth, ignore_index=255) / 2}
    valid = torch.cat([sample.valid.data for sample in data_samples[WEAK]])
    views, labels, sure, counted = [], [], [], []
    for number, drawn in enumerate(boxes, 1):
        image, mask = inputs[strong(number)].clone(), label.clone()
        high, inside = confidence.clone(), valid.clone()
        for i, (x1, y1, x2, y2) in enumerate(drawn.tolist()):
            image[i, :, y1:y2, x1:x2] = inputs[strong(number)][i - 1, :, y1:y2, x1:x2]
            mask[i, y1:y2, x1:x2] = label[i - 1, y1:y2, x1:x2]
            high[i, y1:y2, x1:x2] = confidence[i - 1, y1:y2, x1:x2]
            inside[i, y1:y2, x1:x2] = valid[i - 1, y1:y2, x1:x2]
        views.append(image)
        labels.append(mask)
        sure.append((high >= model.threshold) & inside)
        counted.append(inside.sum())
    outputs = run(student, torch.cat(views)).chunk(2)
    for number in (1, 2):
        each = F.cross_entropy(outputs[number - 1], labels[number - 1], reduction="none")
        each = each * sure[number - 1]
        losses[f"loss_s{number}"] = each.sum() / counted[number - 1] / 4
    return losses


def test_step_equals_its_formula(build):
    model = build("UniMatchV2", keep=1.0)
    with torch.no_grad():  # a teacher that differs from the student
        model.teacher.module.decode_head.conv_seg.weight.mul_(1.5)
    inputs, data_samples = toy_batch(labeled=2, unlabeled=2)
    model.student.eval()  # the same statistics in both
    weak = model.run_frozen("teacher", inputs[WEAK]).logits
    model.threshold = float(model.upsample(weak, (33, 33)).softmax(1).max(1)[0].median())
    torch.manual_seed(5)
    found = model.loss(inputs, data_samples)
    torch.manual_seed(5)
    boxes = [cutmix_boxes(2, tuple(inputs[WEAK].shape[2:])) for _ in range(2)]
    expected = reference(model, inputs, data_samples, boxes)
    assert {k for k in found if k.startswith("loss")} == set(expected)
    assert 0 < found["confident"] < 1
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    for losses in (found, expected):
        model.zero_grad()
        sum(value for name, value in losses.items() if "loss" in name).backward(retain_graph=True)
        losses["gradients"] = [p.grad.clone() for p in model.student.parameters()]
    torch.testing.assert_close(found["gradients"], expected["gradients"])


def test_teacher_follows_as_published(build):
    model = build("UniMatchV2")
    weight = model.student.decode_head.conv_seg.weight
    averaged = weight.detach().clone()
    for step in range(5):
        with torch.no_grad():
            weight.add_(torch.randn_like(weight))
        model.update_teacher()
        ratio = min(1 - 1 / (step + 1), 0.996)
        averaged = ratio * averaged + (1 - ratio) * weight.detach()
        torch.testing.assert_close(model.teacher.module.decode_head.conv_seg.weight, averaged)


def test_dropout_reaches_the_strong_views_alone(build):
    model = build("UniMatchV2", keep=0.0, threshold=0.0)
    inputs, data_samples = toy_batch(labeled=2, unlabeled=2)
    model.student.eval()
    losses = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model.mix_source = None
        losses.append(model.loss(inputs, data_samples))
    assert torch.equal(losses[0]["loss_x"], losses[1]["loss_x"])
    assert not torch.equal(losses[0]["loss_s1"], losses[1]["loss_s1"])


def test_raises_on_share_outside_range(build):
    with pytest.raises(ValueError, match=r"model.keep.*0 to 1.*1\.5"):
        build("UniMatchV2", keep=1.5)


@pytest.mark.parametrize("method", ["FixMatch", "UniMatch", "RankMatch", "UniMatchV2"])
def test_adaptive_threshold_is_updated_before_it_is_used(build, method):
    model = build(method, threshold=1.0, threshold_momentum=0.0)
    inputs, data_samples = toy_batch()
    model.eval()
    with torch.no_grad():
        found = model.loss(inputs, data_samples)
    assert float(model.adaptive.value) < 1
    assert float(found["confident"]) > 0  # the most confident pixels of each class reach the mean
    with pytest.raises(ValueError, match="one number"):
        build(method, threshold=(0.9, 0.8, 0.7), threshold_momentum=0.9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(strong_views=1), "model.strong_views to be 2, but got 1"),
        (dict(single_pass=True), "model.single_pass to be False, but got True"),
    ],
)
def test_raises_on_options_that_the_step_does_not_have(build, options, words):
    with pytest.raises(ValueError, match=words):
        build("UniMatchV2", **options)
