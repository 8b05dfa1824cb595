# SPDX-License-Identifier: Apache-2.0
"""Batches in which there is nothing to learn from, for every method: zero, and never NaN."""

import functools
import math

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn

from rankseg.models.methods import __all__ as METHODS
from rankseg.models.methods.cct import PUBLISHED
from rankseg.registry import MODELS
from rankseg.testing.copier import Copier
from rankseg.testing.toy import (
    COMPOSED,
    toy_attention_embedder,
    toy_batch,
    toy_class_batch,
    toy_classifier,
    toy_pair_batch,
    toy_student,
)

TEACHER = dict(teacher=dict(momentum=0.1))
SECOND = dict(consistency_tap="decode_head.branches.consistency", ramp=0, **TEACHER)
RANK = dict(rank=dict(num_agents=4), **TEACHER)
PERTURBATIONS = [dict(one, count=1) for one in PUBLISHED]
SEGMENTATION = {
    "Supervised": {},
    "MeanTeacher": TEACHER,
    "FixMatch": {},
    "FixMatch one pass": dict(mix_source=None),
    "UniMatch": TEACHER,
    "UniMatch second crop": dict(mix_source="same", **TEACHER),
    "RankMatch": RANK,
    "RankMatch masked": dict(mask_padding=True, labels_from="teacher", **RANK),
    "UniMatchV2": {},
    "PrevMatch": dict(interval=1, size=2),
    "CPS": dict(average=True, **TEACHER),
    "CPS CutMix": dict(cutmix={}),
    "CCT": dict(perturbations=PERTURBATIONS, **TEACHER),
}
TARGETS = dict(predictor=dict(type="Projector"), memory_size=6, **TEACHER)
EMBEDDED = dict(
    student=toy_attention_embedder(),
    metric_loss=dict(type="MultiSimilarityLoss"),
    miner=dict(type="MultiSimilarityMiner"),
    memory=dict(size=3),
)
CLASSIFICATION = {
    "Supervised classes": {},
    "FixMatch classes": dict(mix_source=None, average_losses=False),
    "MeanTeacher classes": SECOND,
    "SimMatch": dict(bank_size=4),
    "SimMatch teacher": dict(bank_size=4, labels_from="teacher", **TEACHER),
    "SimMatch InfoNCE": dict(bank_size=4, instance_loss="info_nce"),
    "SimMatch SwAV": dict(bank_size=4, instance_loss="swav", prototypes=5),
    "LabelPropagation": {},
    "CMSF third": dict(constraint="third", **TARGETS),
    "SupCon": dict(memory_size=6, **TEACHER),
    "ProtoNet": dict(memory_size=6, **TEACHER),
    "CMSF": dict(num_images=4, **TARGETS),
    "CMSF labels": dict(constraint="label", top_all=True, **TARGETS),
    "CMSF classifier": dict(
        constraint="label",
        classifier=dict(type="Projector", normalize=False),
        bank_size=4,
        **TARGETS,
    ),
    "LabelPropagation teacher": dict(consistency_weight=1.0, **SECOND),
    "LMCS": dict(**COMPOSED, **TEACHER),
    "MetricLearning": EMBEDDED,
    "MixMatch": {},
    "Rotation": {},
    "MixMatch teacher": dict(labels_from="teacher", **TEACHER),
    "Snowball": dict(master=dict(momentum=0.1), **TEACHER),
    "SnowballMixMatch": dict(master=dict(momentum=0.1), **TEACHER),
    "SnowballMixMatch guided": dict(master=dict(momentum=0.1), master_weight=1.0, **TEACHER),
    "TACCCL": EMBEDDED,
    "TACCCL matches": EMBEDDED,
}
TWINS = ("CMSF", "SupCon", "ProtoNet")
TERMS = {  # of the unlabelled images
    "MeanTeacher": ["loss_consistency"],
    "FixMatch": ["loss_s1"],
    "FixMatch one pass": ["loss_s1"],
    "UniMatch": ["loss_s1", "loss_s2", "loss_fp"],
    "UniMatch second crop": ["loss_s1", "loss_s2", "loss_fp"],
    "RankMatch": ["loss_s1", "loss_s2", "loss_fp"],  # its rank loss counts padding
    "RankMatch masked": ["loss_s1", "loss_s2", "loss_fp", "loss_rank1", "loss_rank2"],
    "UniMatchV2": ["loss_s1", "loss_s2"],
    "PrevMatch": ["loss_s1", "loss_s2", "loss_fp"],
    "CPS": [],  # the labelled images take part
    "CPS CutMix": ["loss_cps1", "loss_cps2"],
    "CCT": ["loss_consistency"],
}
OF_BOTH = {**SEGMENTATION, **CLASSIFICATION}
CONFIDENT = [
    name
    for name in OF_BOTH
    if name.split()[0]
    in ("FixMatch", "UniMatch", "UniMatchV2", "PrevMatch", "RankMatch", "SimMatch")
]


def make(name, **options):
    """A method on the toy network, initialised, in training mode."""
    init_default_scope("rankseg")
    method, state = built(name, tuple(options.items()))
    torch.set_rng_state(state)
    return method.copy()


@functools.cache
def built(name, options):
    """A copier of the method, since building takes longer, and random numbers after it."""
    options = dict(options)
    torch.manual_seed(0)
    kind = name.split()[0]
    student = toy_student() if name in SEGMENTATION else toy_classifier()
    if kind in ("FixMatch", "UniMatch", "UniMatchV2", "PrevMatch", "RankMatch", "SimMatch"):
        options = {"threshold": 0.0, **options}
    options = {**OF_BOTH[name], "track_pseudo_labels": True, **options}
    method = MODELS.build(
        dict(
            type=kind,
            student=options.pop("student", student),
            data_preprocessor=dict(type="ViewPreprocessor", mean=[0.0] * 3, std=[1.0] * 3),
            **options,
        )
    )
    method.init_weights()
    if kind == "LabelPropagation":
        method.set_pseudo_labels(torch.tensor([0, 1, 2, 0]), torch.ones(4), torch.ones(3))
    if kind == "Snowball":  # with which the master guides
        method.pool.add(torch.tensor([5]), torch.tensor([1]), generation=0, step=0)
    if hasattr(method, "clusters"):
        method.set_clusters(torch.tensor([0, 1, 2]), torch.randn(3, 8))
    return Copier(method.train()), torch.get_rng_state()


def batch(name, labeled=2, unlabeled=2):
    torch.manual_seed(1)
    if name.startswith("TACCCL"):
        return toy_pair_batch(labeled, matched="matches" in name)
    if name in CLASSIFICATION:
        twin, crops = name.split()[0] in TWINS, int("third" in name)
        return toy_class_batch(labeled, unlabeled, twin=twin, crops=crops)
    return toy_batch(labeled, unlabeled, mixed=True)


def step(method, inputs, samples, dtype=None, nothing=()):
    """Values of a step; they, gradients and buffers must be finite.

    Args:
        method: The method.
        inputs: Views.
        samples: Their samples.
        dtype: For autocast.
        nothing: Terms that must be zero and send no gradient.
    """
    with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        losses = method.loss(inputs, samples)
    total, log = method.parse_losses(losses)
    log = {name: torch.as_tensor(value).item() for name, value in log.items()}
    parameters = [p for p in method.student.parameters() if p.requires_grad]
    for term in nothing:
        assert log[term] == 0, log
        if losses[term].requires_grad:
            grads = torch.autograd.grad(
                losses[term], parameters, retain_graph=True, allow_unused=True
            )
            assert all(grad.eq(0).all() for grad in grads if grad is not None), term
    total.backward()
    assert all(map(math.isfinite, log.values())), log
    grads = [p.grad for p in parameters if p.grad is not None]
    assert grads and all(grad.isfinite().all() for grad in grads)
    assert all(buffer.isfinite().all() for buffer in method.buffers())
    return log


def test_every_method_is_here():
    names = {name.split()[0] for name in OF_BOTH}
    classes = {name for name in METHODS if isinstance(MODELS.get(name), type)}
    assert {n for n in classes if n != "Method"} == names


@pytest.mark.parametrize("name", SEGMENTATION)
def test_labeled_crops_without_a_valid_pixel(name):
    inputs, samples = batch(name)
    for sample in samples["labeled"]:
        sample.gt_sem_seg.data.fill_(255)
    step(make(name), inputs, samples, nothing=["loss_x"])


@pytest.mark.parametrize("name", SEGMENTATION)
def test_one_labeled_crop_of_two_without_a_valid_pixel(name):
    inputs, samples = batch(name)
    samples["labeled"][0].gt_sem_seg.data.fill_(255)
    assert step(make(name), inputs, samples)["loss_x"] > 0


@pytest.mark.parametrize("name", TERMS)
def test_unlabeled_crops_that_are_padding_only(name):
    inputs, samples = batch(name)
    for view, some in samples.items():
        for sample in some if view != "labeled" else []:
            sample.valid.data.fill_(False)
    step(make(name), inputs, samples, nothing=TERMS[name])


@pytest.mark.parametrize("name", CONFIDENT)
def test_no_confident_pixel(name):
    inputs, samples = batch(name)
    terms = ["loss_u"] if "SimMatch" in name else TERMS.get(name, ["loss_s1"])
    terms = [term for term in terms if "rank" not in term]
    assert step(make(name, threshold=1.0), inputs, samples, nothing=terms)["confident"] == 0


@pytest.mark.parametrize("name", OF_BOTH)
def test_labels_of_one_class(name):
    inputs, samples = batch(name)
    for sample in samples["labeled"]:
        sample.gt_sem_seg.data.fill_(2)
    step(make(name), inputs, samples)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", OF_BOTH)
def test_extreme_logits(name, sign):
    method = make(name)
    head = method.student.decode_head
    layer = [m for m in head.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    layer = next(m for m in reversed(layer) if head.num_classes in m.weight.shape[:1])
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(sign * torch.tensor([1e4, -1e4, 0.0] * 3)[: head.num_classes])
    if method.teacher is not None:
        method.teacher.module.load_state_dict(method.student.state_dict())
    step(method, *batch(name))


@pytest.mark.parametrize("name", OF_BOTH)
def test_constant_features(name):
    method = make(name)
    with torch.no_grad():
        for parameter in method.student.backbone.parameters():
            parameter.zero_()
    step(method, *batch(name))


@pytest.mark.parametrize("name", [n for n in OF_BOTH if n.split()[0] != "Supervised"])
def test_one_image_of_each_half(name):
    alone = "at least two images.*batch norm .*Increase the batch size"  # a view passes alone
    refused = {
        "FixMatch": alone,
        "UniMatchV2": alone,
        "CPS CutMix": "at least 2 unlabeled images .*set model.cutmix=None",
    }
    if name in refused:
        with pytest.raises(ValueError, match=refused[name]):
            step(make(name), *batch(name, labeled=1, unlabeled=1))
        return
    step(make(name), *batch(name, labeled=1, unlabeled=1))


@pytest.mark.parametrize("name", OF_BOTH)
def test_bfloat16(name):
    inputs, samples = batch(name)
    if name in SEGMENTATION:
        samples["labeled"][0].gt_sem_seg.data.fill_(255)
    step(make(name), inputs, samples, dtype=torch.bfloat16)


@pytest.mark.parametrize("name", OF_BOTH)
def test_several_steps_with_images_of_one_color(name):
    # state that follows from earlier steps: banks, queues, averages, counters
    method = make(name, threshold=1.0) if name in CONFIDENT else make(name)
    inputs, samples = batch(name)
    inputs = {view: torch.zeros_like(image) for view, image in inputs.items()}
    optimizer = torch.optim.SGD(method.student.parameters(), 0.1)
    for _ in range(2):
        step(method, inputs, samples)
        optimizer.step()
        optimizer.zero_grad()
        if method.teacher is not None:
            method.update_teacher()


def test_a_run_in_which_nothing_is_ever_confident_says_so(quick_train, tmp_path):
    run = quick_train("rankmatch", tmp_path / "run", model__threshold=1.0, train_cfg__max_iters=2)
    log = "".join(file.read_text() for file in run.glob("*/*.log"))
    assert "In 2 iterations no pixel of any unlabeled image was as confident as" in log
