# SPDX-License-Identifier: Apache-2.0
"""The loss of Snowball against equation 2.7, image by image."""

import pytest
import torch

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


def test_without_guidance_only_labelled_images_are_needed(snowball):
    method = snowball(consistency_weight=0.0, master=None, teacher=None)
    assert method.views == ("labeled",)
    inputs, samples = ({"labeled": batch["labeled"]} for batch in toy_class_batch())
    assert method.loss(inputs, samples)["loss_x"] > 0


def test_a_negative_weight(snowball):
    with pytest.raises(ValueError, match="model.master_weight=-1: expected 0 or more"):
        snowball(master_weight=-1)
