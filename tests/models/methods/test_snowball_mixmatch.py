# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch: the student learns as in MixMatch, and a master follows the teacher."""

from types import SimpleNamespace

import pytest
import torch

from rankseg.testing.toy import toy_class_batch, toy_classifier

TEACHER = dict(momentum=0.3)
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
    with pytest.raises(ValueError, match="model.master=.*expected dict"):
        classifier(master=master)


def test_a_master_needs_a_teacher(build):
    with pytest.raises(ValueError, match="together with model.teacher"):
        build("SnowballMixMatch", student=toy_classifier(), master=dict(momentum=0.1))


def test_masks_are_refused(classifier):
    with pytest.raises(ValueError, match="SnowballMixMatch labels whole images"):
        classifier().check_dataset(SimpleNamespace(labeled=object()))
