# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.models.other_method import leave_out
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_embedder, toy_student

PREPROCESSOR = dict(type="ViewPreprocessor", mean=[0.0] * 3, std=[1.0] * 3)
METHODS = {
    "plain": dict(type="Supervised"),
    "teacher": dict(type="UniMatch", teacher=dict(momentum=0.1)),
    "counts": dict(type="FixMatch", track_pseudo_labels=True),
    "second": dict(type="CPS"),
    "decoders": dict(type="CCT"),
}
BESIDE = {
    "plain": [],
    "teacher": ["teacher"],
    "counts": ["quality"],
    "second": ["second"],
    "decoders": ["auxiliary_decode_heads"],
}


def build(name):
    init_default_scope("rankseg")
    return MODELS.build(
        dict(student=toy_student(), data_preprocessor=PREPROCESSOR, **METHODS[name])
    )


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", METHODS)
def test_of_any_method_into_a_plain_one(name, prefix):
    source, target = build(name), build("plain")
    state = {f"{prefix}{key}": value for key, value in source.state_dict().items()}
    assert leave_out(target, state) == BESIDE[name]
    target.load_state_dict({key.removeprefix(prefix): value for key, value in state.items()})
    for key, value in source.student.state_dict().items():
        assert torch.equal(target.student.state_dict()[key], value)


@pytest.mark.parametrize("name", METHODS)
def test_of_any_method_into_any_other(name):
    for other in METHODS:
        state, target = build(other).state_dict(), build(name)
        assert leave_out(target, state) == [one for one in BESIDE[other] if other != name]
        target.load_state_dict(state)


def test_the_student_stays_whole():
    target = build("plain")
    state = {**target.state_dict(), "student.extra.weight": torch.zeros(1)}
    assert leave_out(target, state) == []
    with pytest.raises(RuntimeError, match=r"student\.extra\.weight"):
        target.load_state_dict(state)


def test_what_is_about_the_images_of_another_run_is_begun_anew():
    init_default_scope("rankseg")
    config = dict(type="MetricLearning", metric_loss=dict(type="MultiSimilarityLoss"))
    source, target = (
        MODELS.build(dict(config, student=toy_embedder(), memory=dict(size=4))) for _ in range(2)
    )
    source.memory.write(torch.randn(4, 8), torch.arange(4))
    source.clusters.set(torch.tensor([0, 1, 1]), torch.randn(2, 8))
    state = source.state_dict()
    assert leave_out(target, state) == ["clusters", "memory"]
    target.load_state_dict(state)
    assert len(target.memory) == 0 and len(target.clusters.label) == 0


def test_a_plain_segmentor_is_left_alone():
    target = build("teacher")
    state = target.student.state_dict()
    before = list(state)
    assert leave_out(target, state) == [] and list(state) == before
