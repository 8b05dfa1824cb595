# SPDX-License-Identifier: Apache-2.0
"""Label propagation's loss against the paper's sum, written out image by image."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub

from rankseg.testing.toy import toy_class_batch, toy_classifier, toy_student

LABEL = torch.tensor([2, 0, 1, 1, 0, 2, 2])
WEIGHT = torch.tensor([0.5, 1.0, 0.0, 0.25, 0.7, 0.1, 0.9])
CLASS_WEIGHT = torch.tensor([0.5, 2.0, 3.0])
PLACES = [6, 2, 0, 4]


@pytest.fixture
def batch():
    inputs, samples = toy_class_batch()
    for sample, place in zip(samples["weak"], PLACES, strict=True):
        sample.set_metainfo({"sample_idx": place})
    return inputs, samples


@pytest.fixture
def iteration():
    """Sets the iteration that the runner would have told."""
    hub = MessageHub.get_current_instance()
    before = hub.get_info("iter", 0)
    yield lambda value: hub.update_info("iter", value)
    hub.update_info("iter", before)


def classifier(build, **options):
    method = build("LabelPropagation", student=toy_classifier(), **options)
    method.student.eval()  # so that images can run one by one
    return method


def written_out(method, inputs, samples, view):
    """Sum of omega zeta CE over the images of a batch, divided by their number."""
    terms = []
    for image, sample in zip(inputs["labeled"], samples["labeled"], strict=True):
        terms.append((image, sample.gt_sem_seg.data.item(), 1.0))
    for image, place in zip(inputs[view], PLACES, strict=True):
        terms.append((image, LABEL[place].item(), WEIGHT[place].item()))
    total = 0
    for image, label, weight in terms:
        probability = method(image[None]).flatten().softmax(0)
        total = total - weight * CLASS_WEIGHT[label] * probability[label].log()
    return total / len(terms)


@pytest.mark.parametrize("view", ["weak", "strong1"])
def test_loss_equals_the_paper(build, batch, view):
    together = view == "strong1"
    options = dict(teacher=dict(momentum=0.1), consistency_weight=7.0) if together else {}
    method = classifier(build, **options)
    method.set_pseudo_labels(LABEL, WEIGHT, CLASS_WEIGHT)
    inputs, samples = batch
    losses = method.loss(inputs, samples)
    found = losses["loss_x"] + losses["loss_pseudo"]
    wanted = written_out(method, inputs, samples, view)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)
    parameters = list(method.student.parameters())
    grads = [torch.autograd.grad(x, parameters, allow_unused=True) for x in (found, wanted)]
    for mine, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-6)
    assert ("loss_consistency" in losses) == together


def test_mean_teacher_term_is_mean_teachers(build, batch):
    options = dict(
        teacher=dict(momentum=0.1),
        consistency_weight=7.0,
        consistency_tap="decode_head.branches.consistency",
        distance_weight=0.5,
    )
    method = classifier(build, **options)
    other = build("MeanTeacher", student=toy_classifier(), **options)
    other.load_state_dict(
        {k: v for k, v in method.state_dict().items() if k.startswith(("student", "teacher"))}
    )
    other.student.eval()
    for parameter in (*method.teacher.parameters(), *other.teacher.parameters()):
        parameter.data *= 1.1
    method.set_pseudo_labels(LABEL, WEIGHT, CLASS_WEIGHT)
    found, wanted = method.loss(*batch), other.loss(*batch)
    assert wanted["loss_consistency"] > 0
    for name in ("loss_consistency", "loss_distance"):
        torch.testing.assert_close(found[name], wanted[name])
    assert found["loss_x"] != wanted["loss_x"]


def test_first_stage_needs_no_pseudo_labels(build, batch, iteration):
    inputs, samples = batch
    method = classifier(build, warmup=3)
    iteration(2)
    supervised = build("Supervised", student=toy_classifier())
    supervised.student.load_state_dict(method.student.state_dict())
    supervised.student.eval()
    found, wanted = (m.loss(inputs, samples) for m in (method, supervised))
    assert set(found) == {"loss_x"}
    torch.testing.assert_close(found["loss_x"], wanted["loss_x"])
    iteration(3)
    method.set_pseudo_labels(LABEL, WEIGHT, CLASS_WEIGHT)
    assert set(method.loss(inputs, samples)) == {"loss_x", "loss_pseudo"}


def test_mean_teacher_runs_in_the_first_stage_too(build, batch, iteration):
    iteration(0)
    method = classifier(build, warmup=3, teacher=dict(momentum=0.1), consistency_weight=1.0)
    assert set(method.loss(*batch)) == {"loss_x", "loss_consistency"}
    assert method.views == ("labeled", "weak", "strong1")
    assert classifier(build).views == ("labeled", "weak")


def test_pseudo_labels_are_counted(build, batch):
    method = classifier(build, track_pseudo_labels=True)
    method.set_pseudo_labels(LABEL, WEIGHT, CLASS_WEIGHT)
    inputs, samples = batch
    seen = []
    method.quality.update = lambda *values: seen.extend(values)
    method.loss(inputs, samples)
    label, confident, truth = seen
    assert label.flatten().tolist() == [2, 1, 2, 0]
    assert confident.flatten().tolist() == [True, False, True, True]
    assert torch.equal(truth, torch.cat([s.gt_sem_seg.data for s in samples["weak"]]))


def test_checkpoints_hold_the_pseudo_labels(build):
    method, fresh = classifier(build), classifier(build)
    method.set_pseudo_labels(LABEL, WEIGHT, CLASS_WEIGHT)
    state = method.state_dict()
    fresh.load_state_dict(state)
    assert torch.equal(fresh.pseudo_label, LABEL) and torch.equal(fresh.pseudo_weight, WEIGHT)
    assert torch.equal(fresh.class_weight, CLASS_WEIGHT)
    fresh.pseudo_label[0] = 1
    assert method.pseudo_label[0] == 2  # no shared memory


def test_starts_from_a_checkpoint_without_pseudo_labels(build):
    method, first = classifier(build), build("Supervised", student=toy_classifier())
    with torch.no_grad():
        for parameter in first.parameters():
            parameter += 1
    for state in (first.state_dict(), first.student.state_dict()):
        method = classifier(build)
        method.load_state_dict(dict(state))
        assert len(method.pseudo_label) == 0
        for mine, theirs in zip(method.parameters(), first.parameters(), strict=True):
            assert torch.equal(mine, theirs)


def test_pseudo_labels_that_are_missing(build, batch):
    method = classifier(build)
    with pytest.raises(
        ValueError, match="unlabeled image 6, but .*0 pseudo-labels.*LabelPropagationHook"
    ):
        method.loss(*batch)
    method.set_pseudo_labels(LABEL[:6], WEIGHT[:6], CLASS_WEIGHT)
    with pytest.raises(ValueError, match="unlabeled image 6, but .*6 pseudo-labels"):
        method.loss(*batch)


@pytest.mark.parametrize(
    ("label", "weight", "class_weight", "message"),
    [
        (LABEL, WEIGHT[:3], CLASS_WEIGHT, r"N weights .*\(7,\), \(3,\), \(3,\)\)"),
        (LABEL, WEIGHT, CLASS_WEIGHT[:2], r"\(2,\)"),
        (LABEL + 1, WEIGHT, CLASS_WEIGHT, "classes from 0 to 2, but got 1 to 3"),
        (LABEL - 1, WEIGHT, CLASS_WEIGHT, "got -1 to 1"),
    ],
)
def test_pseudo_labels_that_do_not_fit(build, label, weight, class_weight, message):
    with pytest.raises(ValueError, match=message):
        classifier(build).set_pseudo_labels(label, weight, class_weight)


def test_masks_are_refused(build):
    method = classifier(build)
    with pytest.raises(ValueError, match="LabelPropagation needs, .* are masks"):
        method.check_dataset(SimpleNamespace(labeled=SimpleNamespace(image_level=False)))
    method.check_dataset(SimpleNamespace(labeled=SimpleNamespace(image_level=True)))
    with pytest.raises(ValueError, match="warmup .*got -1"):
        classifier(build, warmup=-1)


def test_a_network_for_masks_cannot_pass(build, batch):
    method = build("LabelPropagation", student=toy_student())
    method.set_pseudo_labels(LABEL, WEIGHT, CLASS_WEIGHT)
    with pytest.raises(RuntimeError, match="size"):
        method.loss(*batch)
