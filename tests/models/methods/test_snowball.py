# SPDX-License-Identifier: Apache-2.0
"""Snowball against equation 2.7, image by image, and with MixMatch."""

from types import SimpleNamespace

import pytest
import torch

from rankseg.models.methods import mixmatch
from rankseg.testing.toy import toy_class_batch, toy_classifier

TEACHER, MASTER = dict(momentum=0.3), dict(momentum=0.2)


@pytest.fixture
def snowball(build):
    def make(name="Snowball", **options):
        if name == "Snowball":
            options.setdefault("master", MASTER)
        return build(name, student=toy_classifier(), **{"teacher": TEACHER, **options})

    return make


def discover(method):
    method.pool.add(torch.tensor([4, 5]), torch.tensor([0, 2]), 0, 0)


def shaken(method):
    """Three networks that differ; without batch statistics, so that images can run one by one."""
    torch.manual_seed(1)
    with torch.no_grad():
        for network in (method.teacher, method.master):
            for parameter in network.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    method.student.eval()
    return method


def probability(network, image):
    return network.decode_head(network.extract_feat(image[None])).softmax(1)[0, :, 0, 0]


def apart(network, guide, views):
    """Mean over images of the mean squared difference, a pair of views each."""
    terms = []
    for mine, theirs in views:
        with torch.no_grad():
            wanted = probability(guide, theirs)
        terms.append((probability(network, mine) - wanted).square().mean())
    return sum(terms) / len(terms)


@pytest.mark.parametrize("twin", [False, True])
def test_consistency_equals_the_equation(snowball, twin):
    method = shaken(snowball(consistency_weight=7.0, master_weight=0.5))
    discover(method)
    inputs, samples = toy_class_batch()
    labeled = list(zip(inputs["labeled"], inputs["labeled"], strict=True))
    unlabeled = list(zip(inputs["strong1"], inputs["weak"], strict=True))
    if twin:
        inputs["labeled_twin"] = inputs["labeled"] + 0.3
        labeled = list(zip(inputs["labeled"], inputs["labeled_twin"], strict=True))
        unlabeled += labeled
    found = method.loss(inputs, samples)["loss_consistency"]
    wanted = 7 * (
        apart(method.student, method.teacher.module, unlabeled)
        + 0.5 * apart(method.student, method.master.module, labeled)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)
    name = "decode_head.conv_seg.weight"
    gradients = [
        torch.autograd.grad(value, method.student.get_parameter(name))[0]
        for value in (found, wanted)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-6)
    assert gradients[0].abs().max() > 0


def test_only_the_master_guides_labeled_images_if_the_teacher_does_not(snowball):
    method = shaken(snowball(consistency_weight=7.0, labeled_consistency=False))
    discover(method)
    inputs, samples = toy_class_batch()
    inputs["labeled_twin"] = inputs["labeled"] + 0.3
    labeled = zip(inputs["labeled"], inputs["labeled_twin"], strict=True)
    unlabeled = zip(inputs["strong1"], inputs["weak"], strict=True)
    wanted = 7 * (
        apart(method.student, method.teacher.module, list(unlabeled))
        + apart(method.student, method.master.module, list(labeled))
    )
    found = method.loss(inputs, samples)["loss_consistency"]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("options", [dict(), dict(master=None), dict(master_weight=0.0)])
def test_is_mean_teacher_without_master_or_discovered_images(snowball, options):
    method = snowball(consistency_weight=7.0, **options)
    if options:
        discover(method)
    plain = snowball("MeanTeacher", consistency_weight=7.0)
    plain.student.load_state_dict(method.student.state_dict())
    plain.teacher.load_state_dict(method.teacher.state_dict())
    inputs, samples = toy_class_batch()
    torch.testing.assert_close(method.loss(inputs, samples), plain.loss(inputs, samples))


def test_without_guidance_only_labeled_images_are_needed(snowball):
    method = snowball(consistency_weight=0.0, master=None, teacher=None)
    assert method.views == ("labeled",)
    inputs, samples = ({"labeled": batch["labeled"]} for batch in toy_class_batch())
    assert method.loss(inputs, samples)["loss_x"] > 0


def test_a_negative_weight(snowball):
    with pytest.raises(ValueError, match="model.master_weight .*got -1"):
        snowball(master_weight=-1)


NAME = "decode_head.conv_seg.weight"


@pytest.fixture
def classifier(build):
    def make(name="SnowballMixMatch", **options):
        if name == "SnowballMixMatch":
            options.setdefault("master", dict(momentum=0.2))
        return build(name, student=toy_classifier(), teacher=TEACHER, **options)

    return make


def test_the_loss_is_that_of_mixmatch(classifier):
    method, plain = classifier(), classifier("MixMatch")
    plain.student.load_state_dict(method.student.state_dict())
    method.pool.add(torch.tensor([4, 5]), torch.tensor([0, 2]), 0, 0)
    inputs, samples = toy_class_batch()
    found = []
    for one in (method, plain):
        torch.manual_seed(3)
        found.append(one.loss(inputs, samples))
    assert found[0].keys() == found[1].keys() == {"loss_x", "loss_u"}
    torch.testing.assert_close(*found)


def test_the_master_guides_mixed_labeled_images(classifier, monkeypatch):
    share, partner = torch.linspace(0.5, 1, 12), torch.arange(12).flip(0)
    monkeypatch.setattr(mixmatch, "draw_mixup", lambda count, alpha: (share, partner))
    method = shaken(classifier(master_weight=3.0))
    inputs, samples = toy_class_batch()
    assert "loss_master" not in method.loss(inputs, samples), "nothing is discovered yet"
    discover(method)
    found = method.loss(inputs, samples)["loss_master"]
    images = torch.cat([inputs[view] for view in ("labeled", "weak", "strong1")])
    mixed = [share[i] * images[i] + (1 - share[i]) * images[11 - i] for i in range(4)]
    pairs = [(image, image) for image in mixed]
    wanted = 3 * apart(method.student, method.master.module, pairs)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)
    gradients = [
        torch.autograd.grad(value, method.student.get_parameter(NAME))[0]
        for value in (found, wanted)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-6)


def test_guidance_needs_a_master(classifier):
    with pytest.raises(ValueError, match="model.master .*got None"):
        classifier(master=None, master_weight=1.0)
    with pytest.raises(ValueError, match="model.master_weight .*got -1"):
        classifier(master_weight=-1.0)


def test_the_master_follows_the_teacher(classifier):
    method = classifier()
    first = method.student.get_parameter(NAME).detach().clone()
    teacher = master = None
    for step in range(3):
        with torch.no_grad():
            method.student.get_parameter(NAME).add_(1.0)
        method.update_teacher()
        student = first + step + 1
        teacher = student if teacher is None else 0.7 * teacher + 0.3 * student
        master = teacher if master is None else 0.8 * master + 0.2 * teacher
        torch.testing.assert_close(method.network("teacher").get_parameter(NAME), teacher)
        torch.testing.assert_close(method.network("master").get_parameter(NAME), master)
    assert method.network("student") is method.student


def test_the_master_stays_in_eval_mode_and_learns_nothing(classifier):
    method = classifier()
    method.train()
    assert method.student.training and not method.network("master").training
    assert not any(parameter.requires_grad for parameter in method.master.parameters())


def test_a_checkpoint_brings_master_and_pool_back(classifier):
    method, other = classifier(), classifier()
    method.pool.add(torch.tensor([4, 5]), torch.tensor([0, 2]), 1, 3)
    with torch.no_grad():
        method.master.module.get_parameter(NAME).add_(1.0)
    other.load_state_dict(method.state_dict())
    torch.testing.assert_close(other.state_dict(), method.state_dict())
    assert other.pool.index.tolist() == [4, 5] and other.pool.step.tolist() == [3, 3]


@pytest.mark.parametrize("name", ["MixMatch", "Supervised"])
def test_a_master_begins_as_the_teacher_of_a_plain_checkpoint(classifier, name):
    method = classifier()
    state = classifier("MixMatch").state_dict()
    if name == "Supervised":
        state = {key: value for key, value in state.items() if not key.startswith("teacher")}
    source = "student." if name == "Supervised" else "teacher.module."
    state[f"{source}{NAME}"] = torch.full_like(state[f"{source}{NAME}"], 9.0)
    method.load_state_dict(state)
    assert method.network("master").get_parameter(NAME).eq(9).all()


def test_without_a_master_others_discover(classifier):
    method = classifier(master=None)
    assert method.network("teacher") is method.teacher.module and len(method.pool) == 0
    method.update_teacher()


@pytest.mark.parametrize("master", [dict(), dict(momentum=0.1, buffers=False)])
def test_bad_masters(classifier, master):
    with pytest.raises(ValueError, match="model.master .*dict.momentum"):
        classifier(master=master)


def test_a_master_needs_a_teacher(build):
    with pytest.raises(ValueError, match="model.teacher .*got None"):
        build("SnowballMixMatch", student=toy_classifier(), master=dict(momentum=0.1))


def test_masks_are_refused(classifier):
    with pytest.raises(ValueError, match="SnowballMixMatch needs, .* are masks"):
        classifier().check_dataset(SimpleNamespace(labeled=SimpleNamespace(image_level=False)))
