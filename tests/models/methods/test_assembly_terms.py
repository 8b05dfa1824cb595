# SPDX-License-Identifier: Apache-2.0
"""The loss of spatial assembly networks in a step of any method."""

import copy

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.registry import init_default_scope
from torch import nn

from rankseg.engine.activation_checkpointing import turn_on_activation_checkpointing
from rankseg.models.layers import SpatialAssembly
from rankseg.models.losses import assembly_correlation, assembly_entropy, local_coherence
from rankseg.models.methods.assembly_terms import AssemblyTerms, terms_of
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_batch, toy_class_batch, toy_classifier, toy_student

PARTS = tuple(
    f"assembly_{part}" for part in ("entropy", "correlation", "coherence", "stay", "moved")
)
TEACHER = dict(teacher=dict(momentum=0.1))
METHODS = {
    "Supervised": {},
    "MeanTeacher": TEACHER,
    "FixMatch": dict(threshold=0.0, labels_from="teacher", **TEACHER),
    "UniMatch": dict(threshold=0.0),
    "RankMatch": dict(threshold=0.0, rank=dict(num_agents=6), **TEACHER),
    "CPS": dict(cutmix={}),
    "CCT": dict(perturbations=[dict(count=1, perturb=dict(type="FeatureDrop"))]),
}


@pytest.fixture
def make():
    init_default_scope("rankseg")
    MessageHub.get_current_instance().update_info("iter", 0)

    def build(name="Supervised", student=None, assembly=True, at="backbone.layer3", **options):
        torch.manual_seed(0)
        student = student or toy_student()
        if assembly:
            insert = dict(type="SpatialAssembly", in_channels=32, grid=2, hidden_channels=4)
            insert |= assembly if isinstance(assembly, dict) else {}
            student = student | dict(type="ExtendedSegmentor", insert=dict(at=at, module=insert))
        preprocessor = dict(type="ViewPreprocessor", mean=[0.0] * 3, std=[1.0] * 3)
        method = dict(type=name, student=student, data_preprocessor=preprocessor, **options)
        method = MODELS.build(method)
        method.init_weights()
        return method.train()

    return build


def liven(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        for module in network.inserted:
            for weights in module.parameters():
                weights.normal_()
    return network


@pytest.mark.parametrize("name", METHODS)
def test_every_method(name, make):
    method = make(name, **METHODS[name])
    losses = method(*toy_batch(), mode="loss")
    assert {"loss_assembly", *PARTS} < set(losses)
    assert losses["assembly_stay"].item() == pytest.approx(0.9)
    total, log = method.parse_losses(losses)
    assert {"loss_assembly", *PARTS} < set(log)
    total.backward()
    students = [method.student, *([method.second] if name == "CPS" else [])]
    assert all(student.inserted[0].predictor[-1].weight.grad.any() for student in students)
    assert all(student.inserted[0].recorded is None for student in students)


def test_classifiers(make):
    method = make(student=toy_classifier())
    assert "loss_assembly" in method(*toy_class_batch(), mode="loss")


def test_without_an_assembly_nothing_changes(make):
    losses = make(assembly=False)(*toy_batch(), mode="loss")
    assert set(losses) == {"loss_x"}


def test_the_sum_is_that_of_the_equation(make):
    weights = dict(entropy_weight=0.5, correlation_weight=0.25, coherence_weight=2.0)
    method = make(assembly=weights)
    inputs, samples = toy_batch()
    liven(method.student)
    losses = method(inputs, samples, mode="loss")
    assembly = method.student.inserted[0]
    with torch.no_grad():
        seen = []
        assembly.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        method.student.extract_feat(inputs["labeled"])
        height, width = seen[0].shape[2:]
        points = nn.functional.pad(seen[0], (0, width % 2, 0, height % 2), mode="replicate")
        points = nn.functional.adaptive_avg_pool2d(points, 2)
        log_weights = assembly.weights(points)
    entropy = assembly_entropy(log_weights).mean() / 4
    correlation = assembly_correlation(log_weights.exp()).mean() / 4
    coherence = local_coherence(log_weights.exp(), points).mean() / 4
    expected = 0.5 * entropy + 0.25 * correlation + 2.0 * coherence
    torch.testing.assert_close(losses["loss_assembly"], expected)
    torch.testing.assert_close(losses["assembly_entropy"], entropy / 2)
    torch.testing.assert_close(losses["assembly_correlation"], correlation)
    torch.testing.assert_close(losses["assembly_coherence"], coherence)


def test_points_that_moved():
    """Two of four change places: half of the points have their largest weight elsewhere."""
    assembly = SpatialAssembly(3, 2, hidden_channels=4)
    log_weights = torch.eye(4)[[1, 0, 2, 3]].sub(1).mul(9)[None]
    points = torch.rand(1, 3, 2, 2)
    assert terms_of(assembly, [(log_weights, points)])[1][4] == 0.5
    assert terms_of(assembly, [(assembly.weights(points), points)])[1][4] == 0


def test_passes_count_by_their_images(make):
    method = make()
    assembly = liven(method.student).inserted[0]
    maps = [torch.rand(1, 32, 2, 2), torch.rand(3, 32, 2, 2)]
    with AssemblyTerms(method) as apart:
        for one in maps:
            assembly(one)
    with AssemblyTerms(method) as together:
        assembly(torch.cat(maps))
    expected = together.terms()
    for name, value in apart.terms().items():
        torch.testing.assert_close(value, expected[name])


def test_several_modules(make):
    """Losses add up, what is logged is a mean."""
    method = make("CPS")
    method.second.inserted[0].stay.mul_(0.5)
    one, two = method.student.inserted[0], method.second.inserted[0]
    x = torch.rand(2, 32, 2, 2)
    with AssemblyTerms(method) as both:
        one(x), two(x)
    terms = both.terms()
    alone = [terms_of(module, [(module.weights(x), x)]) for module in (one, two)]
    torch.testing.assert_close(terms["loss_assembly"], alone[0][0] + alone[1][0])
    stay = (alone[0][1][3] + alone[1][1][3]) / 2
    torch.testing.assert_close(terms["assembly_stay"], stay)
    assert alone[0][1][3] > alone[1][1][3] + 0.1


def test_passes_without_gradient_do_not_count(make):
    method = make("MeanTeacher", **TEACHER)
    with AssemblyTerms(method) as assembly, torch.no_grad():
        method.student.extract_feat(torch.randn(2, 3, 33, 33))
        method.run_frozen("teacher", torch.randn(2, 3, 33, 33))
    assert assembly.terms() == {}


def test_the_teacher_averages_the_assembly(make):
    method = make("MeanTeacher", **TEACHER)
    name = "predictor.0.weight"
    teacher = method.teacher.module.inserted[0].get_parameter(name)
    assert teacher.equal(method.student.inserted[0].get_parameter(name))
    method.update_teacher()  # the first copies
    before = teacher.clone()
    liven(method.student)
    method.update_teacher()
    mine = method.student.inserted[0].get_parameter(name)
    torch.testing.assert_close(teacher, 0.9 * before + 0.1 * mine)
    x = torch.randn(2, 3, 65, 65)
    liven(method.teacher.module)
    one, two = (method.run_frozen(which, x).logits for which in ("student", "teacher"))
    assert not torch.allclose(one, two, atol=1e-5)


def test_a_checkpoint_of_the_method_without_it(make):
    plain = make("MeanTeacher", assembly=False, **TEACHER)
    method = make("MeanTeacher", **TEACHER)
    liven(method.student)
    kept = copy.deepcopy(method.student.inserted.state_dict())
    method.load_state_dict(plain.state_dict())
    assert all(v.equal(kept[k]) for k, v in method.student.inserted.state_dict().items())
    weight = "backbone.layer1.0.conv1.weight"
    assert method.student.get_parameter(weight).equal(plain.student.get_parameter(weight))
    with pytest.raises(RuntimeError, match=r"student\.inserted\.0"):
        plain.load_state_dict(method.state_dict())


def test_activations_made_anew(make):
    """Inside a checkpointed part too: the same loss and gradients, each image counted once."""
    results = []
    for names in ((), ("student.backbone.layer3",), ("student.backbone",)):
        method = make(at="backbone.layer3.0")
        liven(method.student)
        turn_on_activation_checkpointing(method, names)
        torch.manual_seed(3)
        losses = method(*toy_batch(), mode="loss")
        method.parse_losses(losses)[0].backward()
        weight = method.student.inserted[0].predictor[0].weight
        results.append((losses["loss_assembly"].detach(), weight.grad))
    for other in results[1:]:
        torch.testing.assert_close(other, results[0])


def test_low_precision(make):
    method = make()
    with torch.autocast("cpu", torch.bfloat16):
        losses = method(*toy_batch(), mode="loss")
    assert losses["loss_assembly"].dtype == torch.float32
    sum(value for name, value in losses.items() if "loss" in name).backward()
    assert method.student.inserted[0].predictor[-1].weight.grad.isfinite().all()
