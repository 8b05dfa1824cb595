# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
import torch

from rankseg.models.methods.rotation import all_rotations
from rankseg.models.weights.transfer import drop_unknown_parts
from rankseg.structures import WEAK
from rankseg.testing.toy import COMPOSED, toy_class_batch, toy_classifier

TEACHER = dict(teacher=dict(momentum=0.1))


@pytest.fixture
def method(build):
    return build("Rotation", student=toy_classifier())


def test_turns_are_those_of_numpy():
    images = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4)
    turned, label = all_rotations(images)
    assert label.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    for row, turn in enumerate(label.tolist()):
        for channel in range(3):
            plain = images[row % 2, channel].numpy()
            assert np.array_equal(turned[row, channel].numpy(), np.rot90(plain, turn))


def test_images_must_be_square():
    with pytest.raises(ValueError, match="square views, .*got 5x4 pixels"):
        all_rotations(torch.zeros(1, 3, 4, 5))


def test_loss_and_gradient_equal_the_definition(method):
    method.eval()  # batch statistics would depend on the order of the images
    inputs, samples = toy_class_batch(labeled=1, unlabeled=3)
    found = method.loss(inputs, samples)
    (gradient,) = torch.autograd.grad(found["loss_rotation"], method.turns.weight)
    total, wanted, right = 0.0, torch.zeros_like(method.turns.weight), 0
    for image in inputs[WEAK]:
        for turn in range(4):
            turned = torch.from_numpy(np.rot90(image.numpy(), turn, (1, 2)).copy())[None]
            feature = method.student.extract_feat(turned)[-1].mean((2, 3))[0].detach()
            logits = (method.turns.weight @ feature + method.turns.bias).detach()
            share = logits.double().softmax(0)
            total -= math.log(share[turn]) / 12
            right += int(logits.argmax()) == turn
            error = share - torch.eye(4)[turn]
            wanted += (error[:, None] * feature.double()).float() / 12
    assert found["loss_rotation"].item() == pytest.approx(total, rel=1e-5)
    assert found["right"].item() == pytest.approx(right / 12)
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-6)


def test_the_backbone_learns_and_the_classifier_does_not(method):
    inputs, samples = toy_class_batch()
    method.loss({WEAK: inputs[WEAK]}, {WEAK: samples[WEAK]})["loss_rotation"].backward()
    assert any(p.grad.abs().sum() > 0 for p in method.student.backbone.parameters())
    assert all(p.grad is None for p in method.student.decode_head.conv_seg.parameters())


def test_it_is_learned(method):
    """Images with a bright upper half: which way is up can be seen."""
    images = 0.3 * torch.randn(6, 3, 33, 33)
    images[:, :, :16] += 2
    optimizer = torch.optim.Adam(method.parameters(), 0.01)
    for _ in range(25):
        losses = method.loss({WEAK: images}, {})
        optimizer.zero_grad()
        losses["loss_rotation"].backward()
        optimizer.step()
    assert losses["right"] > 0.9


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Supervised", {}),
        ("MixMatch", TEACHER),
        ("SnowballMixMatch", dict(master=dict(momentum=0.1), **TEACHER)),
        ("LMCS", dict(**COMPOSED, **TEACHER)),
    ],
)
def test_another_method_starts_from_it(method, build, name, options):
    other = build(name, student=toy_classifier(), **options)
    own = other.student.state_dict()
    assert not torch.equal(own["backbone.stem.0.weight"], method.student.backbone.stem[0].weight)
    state = {key: value.clone() for key, value in method.state_dict().items()}
    assert drop_unknown_parts(other, state) == ["turns"]
    other.load_state_dict(state)
    networks = [other.student] + ([other.teacher.module] if options else [])
    for network in networks:
        for key, value in method.student.state_dict().items():
            assert torch.equal(value, network.state_dict()[key]), key


def test_masks_are_not_turned(build):
    with pytest.raises(ValueError, match="an ImageLevelHead, .*got DeepLabV3PlusHead"):
        build("Rotation")
