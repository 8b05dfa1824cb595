# SPDX-License-Identifier: Apache-2.0
"""Initialization from weights for other classes or of other methods."""

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.models.weights.transfer import (
    add_adapters,
    drop_unknown_parts,
    reinit_classifier,
)
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_classifier, toy_embedder, toy_student

TEACHER = dict(teacher=dict(momentum=0.1))
BOTH = ["weight", "bias"]
NETWORKS = ["student", "teacher.module"]


def build(classes, seed, kind="Supervised", student=None, **options):
    init_default_scope("rankseg")
    torch.manual_seed(seed)
    student = student or toy_student(classes)
    model = MODELS.build(dict(type=kind, student=student, **options))
    model.init_weights()
    return model


def forms():
    plain = {f"module.{k}": v for k, v in build(5, 0).student.state_dict().items()}
    return {
        "method": build(5, 0).state_dict(),
        "teacher": build(5, 0, **TEACHER).state_dict(),
        "segmentor": build(5, 0).student.state_dict(),
        "wrapped": plain,
    }


@pytest.mark.parametrize("form", forms())
def test_only_the_classifier_is_made_anew(form):
    given = forms()[form]
    options = TEACHER if form == "teacher" else {}
    model = build(2, 1, **options)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = dict(given)
    told = reinit_classifier(model, state)
    networks = ["student", "teacher.module"] if options else ["student"]
    wanted = [f"{network}.decode_head.conv_seg.{part}" for network in networks for part in BOTH]
    assert [line.split(" ")[0] for line in told] == wanted
    assert told[0].endswith("(5, 16, 1, 1) -> (2, 16, 1, 1)")
    state = {name.removeprefix("module."): value for name, value in state.items()}
    model.load_state_dict(state)
    source = build(5, 0).student.state_dict()
    for name, value in model.student.state_dict().items():
        new = "conv_seg" in name
        assert torch.equal(value, before[f"student.{name}"] if new else source[name]), name


def test_a_teacher_that_the_checkpoint_lacks_begins_as_the_student():
    model = build(2, 1, **TEACHER)
    state = dict(build(5, 0).state_dict())
    reinit_classifier(model, state)
    model.load_state_dict(state)
    for mine, theirs in zip(
        model.student.parameters(), model.teacher.module.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_as_many_classes_change_nothing():
    state = dict(build(3, 0).state_dict())
    before = dict(state)
    assert reinit_classifier(build(3, 1), state) == []
    assert all(state[name] is value for name, value in before.items())


def test_with_as_many_classes_memory_of_another_shape_is_refused():
    model = build(3, 1, kind="FixMatch", track_pseudo_labels=True)
    state = {**model.state_dict(), "quality.labels": torch.zeros(2, 9, dtype=torch.long)}
    assert reinit_classifier(model, state) == []
    with pytest.raises(RuntimeError, match="size mismatch for quality.labels"):
        model.load_state_dict(state)


@pytest.mark.parametrize("classes", [2, 5])
def test_what_does_not_fit_otherwise_is_still_refused(classes):
    student = toy_student(classes)
    student.decode_head.channels = 24
    model, state = build(classes, 1, student=student), dict(build(5, 0).state_dict())
    reinit_classifier(model, state)
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(state)


def test_memory_of_other_classes_begins_empty():
    track = dict(kind="FixMatch", track_pseudo_labels=True)
    source = build(5, 0, **track)
    source.quality.labels += 7
    model, state = build(2, 1, **track), dict(source.state_dict())
    told = reinit_classifier(model, state)
    assert "quality.labels (2, 5) -> (2, 2)" in told
    model.load_state_dict(state)
    assert model.quality.labels.sum() == 0


def test_an_image_level_classifier_with_normalized_weights():
    student = toy_classifier(5)
    student.decode_head.weight_norm = True
    other = toy_classifier(2)
    other.decode_head.weight_norm = True
    for one in (student, other):
        one.decode_head.pop("branches")
    model, state = build(2, 1, student=other), dict(build(5, 0, student=student).state_dict())
    assert len(reinit_classifier(model, state)) == 3  # length, direction, bias
    model.load_state_dict(state)


def test_a_classifier_of_another_feature_is_made_anew_and_nothing_else():
    source, student = toy_classifier(3), toy_classifier(3)
    for one in (source, student):
        one.decode_head.branches = dict(projection=dict(type="Projector", out_channels=6))
    student.decode_head.classify = "projection"
    given = build(3, 0, student=source, **TEACHER).state_dict()
    model, state = build(3, 1, student=student, **TEACHER), dict(given)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    told = reinit_classifier(model, state)
    wanted = [f"{one}.decode_head.conv_seg.{part}" for one in NETWORKS for part in BOTH]
    assert [line.split(" ")[0] for line in told] == wanted
    model.load_state_dict(state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, (before if "conv_seg" in name else given)[name]), name


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


def method(name):
    init_default_scope("rankseg")
    return MODELS.build(
        dict(student=toy_student(), data_preprocessor=PREPROCESSOR, **METHODS[name])
    )


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", METHODS)
def test_of_any_method_into_a_plain_one(name, prefix):
    source, target = method(name), method("plain")
    state = {f"{prefix}{key}": value for key, value in source.state_dict().items()}
    assert drop_unknown_parts(target, state) == BESIDE[name]
    target.load_state_dict({key.removeprefix(prefix): value for key, value in state.items()})
    for key, value in source.student.state_dict().items():
        assert torch.equal(target.student.state_dict()[key], value)


@pytest.mark.parametrize("name", METHODS)
def test_of_any_method_into_any_other(name):
    for other in METHODS:
        state, target = method(other).state_dict(), method(name)
        assert drop_unknown_parts(target, state) == [one for one in BESIDE[other] if other != name]
        target.load_state_dict(state)


def test_the_student_stays_whole():
    target = method("plain")
    state = {**target.state_dict(), "student.extra.weight": torch.zeros(1)}
    assert drop_unknown_parts(target, state) == []
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
    assert drop_unknown_parts(target, state) == ["clusters", "memory"]
    target.load_state_dict(state)
    assert len(target.memory) == 0 and len(target.clusters.label) == 0


def test_a_plain_segmentor_is_left_alone():
    target = method("teacher")
    state = target.student.state_dict()
    before = list(state)
    assert drop_unknown_parts(target, state) == [] and list(state) == before


@pytest.mark.parametrize("form", ["method", "teacher", "segmentor"])
@pytest.mark.parametrize(
    ("encoder", "layers"),
    [("vit_tiny_patch16_224", 4), ("efficientnet_lite0", 5)],
    ids=["attention", "convolutions"],
)
def test_weights_without_adapters_start_a_run_with_them(encoder, layers, form):
    pytest.importorskip("timm")

    def network(seed, lora=0, **options):
        trunk = dict(type="TimmTrunk", model=encoder, out_indices=(0, 1), lora=lora)
        head = dict(type="LinearHead", in_channels=None, num_classes=3)
        student = dict(type="EncoderDecoder", backbone=trunk, decode_head=head)
        return build(3, seed, student=student, **options)

    source = network(0, **(TEACHER if form == "teacher" else {}))
    state = dict((source.student if form == "segmentor" else source).state_dict())
    model = network(1, lora=2, **TEACHER)
    networks = 2 if form == "teacher" else 1
    assert add_adapters(model, state) == layers * networks
    model.load_state_dict(state)
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        expected, found, other = (
            one.eval().decode_head(one.extract_feat(image))
            for one in (source.student, model.student, model.teacher.module)
        )
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(other, expected)
    assert add_adapters(model, dict(model.state_dict())) == 0
