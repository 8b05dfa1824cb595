# SPDX-License-Identifier: Apache-2.0
"""MixMatch against a step written out from its algorithm."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub

from rankseg.models.methods import mixmatch
from rankseg.testing.toy import toy_class_batch, toy_classifier

SHARE = torch.tensor([0.9, 0.6, 0.5, 1.0, 0.8, 0.7, 0.55, 0.65, 0.75, 0.85])
PARTNER = torch.tensor([4, 3, 9, 3, 0, 1, 2, 8, 5, 7])


@pytest.fixture
def classifier(build):
    return lambda **options: build("MixMatch", student=toy_classifier(), **options)


@pytest.fixture
def drawn(monkeypatch):
    """Shares and partners of ten images: two labelled ones, four unlabelled ones in two views."""
    monkeypatch.setattr(mixmatch, "draw_mixup", lambda count, alpha: (SHARE, PARTNER))
    inputs, samples = toy_class_batch(labeled=2)
    return inputs, samples


def probabilities(network, images):
    return network.decode_head(network.extract_feat(images)).flatten(1).softmax(1)


def algorithm(method, inputs, samples):
    """Algorithm 1 and equations 3 to 5 of the paper, image by image; the network in eval mode."""
    with torch.no_grad():
        first, second = (probabilities(method.student, inputs[v]) for v in ("weak", "strong1"))
    guesses = []
    for p, q in zip(first, second, strict=True):
        mean = (p + q) / 2
        guesses.append(mean ** (1 / 0.25) / (mean ** (1 / 0.25)).sum())
    images = [*inputs["labeled"], *inputs["weak"], *inputs["strong1"]]
    labels = [torch.eye(3)[sample.gt_sem_seg.data.item()] for sample in samples["labeled"]]
    labels = [*labels, *guesses, *guesses]
    labeled, unlabeled = 0, 0
    for i in range(10):
        image = SHARE[i] * images[i] + (1 - SHARE[i]) * images[PARTNER[i]]
        label = SHARE[i] * labels[i] + (1 - SHARE[i]) * labels[PARTNER[i]]
        p = probabilities(method.student, image[None])[0]
        if i < 2:
            labeled = labeled - (label * p.log()).sum() / 2
        else:
            unlabeled = unlabeled + ((label - p) ** 2).sum() / (3 * 8)
    return labeled, 7 * unlabeled


def test_step_equals_the_algorithm(classifier, drawn):
    method = classifier(temperature=0.25, unlabeled_weight=7.0)
    method.student.eval()  # so that images do not depend on each other
    inputs, samples = drawn
    with torch.no_grad():  # guesses that differ from image to image
        method.student.decode_head.conv_seg.weight *= 30
    losses = method.loss(inputs, samples)
    wanted = algorithm(method, inputs, samples)
    for name, term in zip(("loss_x", "loss_u"), wanted, strict=True):
        torch.testing.assert_close(losses[name], term, rtol=1e-3, atol=1e-6)
    weight = method.student.decode_head.conv_seg.weight
    found, expected = (
        torch.autograd.grad(sum(terms), weight)[0] for terms in (losses.values(), wanted)
    )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


def test_guesses_normalize_by_their_batch_and_leave_no_trace(classifier, drawn):
    inputs, samples = drawn
    method, twin = classifier(), classifier()
    twin.load_state_dict(method.state_dict())
    method.loss(inputs, samples)
    views = [inputs["labeled"], inputs["weak"], inputs["strong1"]]
    images, _ = twin.mix(torch.cat(views), torch.zeros(10, 3))
    twin.run(twin.student, images)
    for (name, mine), theirs in zip(
        method.student.named_buffers(), twin.student.buffers(), strict=True
    ):
        torch.testing.assert_close(mine, theirs, msg=name)
    guess = method.guess(views[1:], samples["weak"])
    with torch.no_grad():
        wanted = probabilities(twin.student, torch.cat(views[1:]))
    mean = (wanted[:4] + wanted[4:]) / 2
    torch.testing.assert_close(guess, mean**2 / (mean**2).sum(1, keepdim=True))
    assert not guess.requires_grad


def test_the_teacher_may_guess(classifier, drawn):
    inputs, samples = drawn
    method = classifier(teacher=dict(momentum=0.1), labels_from="teacher", temperature=1.0)
    with torch.no_grad():
        method.teacher.module.decode_head.conv_seg.bias += torch.tensor([5.0, 0.0, 0.0])
    found = method.guess([inputs["weak"], inputs["strong1"]], samples["weak"])
    with torch.no_grad():
        both = [probabilities(method.teacher.module, inputs[v]) for v in ("weak", "strong1")]
    torch.testing.assert_close(found, sum(both) / 2)
    assert (found[:, 0] > 0.8).all()


@pytest.mark.parametrize("guesses", [1, 3])
def test_any_number_of_views(classifier, guesses):
    inputs, samples = toy_class_batch(labeled=1, unlabeled=3)
    inputs["strong2"] = inputs["weak"] + torch.randn_like(inputs["weak"])
    method = classifier(guesses=guesses)
    assert method.views == ("labeled", "weak", "strong1", "strong2")[: 1 + guesses]
    seen = []
    method.student.backbone.register_forward_pre_hook(lambda m, a: seen.append(len(a[0])))
    method.loss(inputs, samples)
    assert seen == [3 * guesses, 1 + 3 * guesses]


def test_the_weight_rises(classifier, drawn):
    method = classifier(ramp=9, unlabeled_weight=7.0)
    method.student.eval()
    terms = []
    for iteration in (0, 4, 9, 100):
        MessageHub.get_current_instance().update_info("iter", iteration)
        terms.append(method.loss(*drawn)["loss_u"].item())
    assert [term / terms[-1] for term in terms] == pytest.approx([0.1, 0.5, 1.0, 1.0], rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(guesses=0), "model.guesses .*got 0"),
        (dict(guesses=1.5), "model.guesses .*got 1.5"),
        (dict(temperature=0.0), "model.temperature .*got 0.0"),
        (dict(alpha=-1), "model.alpha .*got -1"),
        (dict(unlabeled_weight=-1.0), "model.unlabeled_weight .*got -1.0"),
    ],
)
def test_bad_options(classifier, options, message):
    with pytest.raises(ValueError, match=message):
        classifier(**options)


def test_masks_are_refused(classifier):
    with pytest.raises(ValueError, match="MixMatch needs, .* are masks"):
        classifier().check_dataset(SimpleNamespace(labeled=SimpleNamespace(image_level=False)))
