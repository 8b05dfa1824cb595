# SPDX-License-Identifier: Apache-2.0
"""Batches in which there is nothing to learn from, for every method: zero, and never NaN."""

import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from torch import nn

from rankseg.models import losses as rankseg_losses
from rankseg.models.layers import doubly_normalised
from rankseg.models.losses import (
    OhemCrossEntropyLoss,
    RankCorrelationLoss,
    assembly_correlation,
    assembly_entropy,
    attention_consistency,
    contrastive_clustering,
    discriminative_loss,
    keypoint_mask,
    local_coherence,
    mean_shift,
    nearest,
    orthogonal_agents,
    pair_distance,
    pixel_consistency,
    plackett_luce_kl,
    probability_consistency,
    similarity_targets,
    soft_cross_entropy,
    soft_squared_error,
)
from rankseg.models.losses.agents import SELECTIONS
from rankseg.models.losses.rank_correlation import CONSISTENCIES
from rankseg.models.memory import DistributionQueue, FeatureBank
from rankseg.models.methods import __all__ as METHODS
from rankseg.models.methods.cct import PUBLISHED
from rankseg.registry import MODELS
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
    "FixMatch classes": dict(mix_source=None, halve=False),
    "MeanTeacher classes": SECOND,
    "SimMatch": dict(bank_size=4),
    "SimMatch teacher": dict(bank_size=4, labels_from="teacher", **TEACHER),
    "LabelPropagation": {},
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
    "TACCCL": EMBEDDED,
    "TACCCL matches": EMBEDDED,
}
TERMS = {  # of the unlabelled images
    "MeanTeacher": ["loss_consistency"],
    "FixMatch": ["loss_s1"],
    "FixMatch one pass": ["loss_s1"],
    "UniMatch": ["loss_s1", "loss_s2", "loss_fp"],
    "UniMatch second crop": ["loss_s1", "loss_s2", "loss_fp"],
    "RankMatch": ["loss_s1", "loss_s2", "loss_fp"],  # its rank loss counts padding
    "RankMatch masked": ["loss_s1", "loss_s2", "loss_fp", "loss_rank1", "loss_rank2"],
    "CPS": [],  # the labelled images take part
    "CPS CutMix": ["loss_cps1", "loss_cps2"],
    "CCT": ["loss_consistency"],
}
OF_BOTH = {**SEGMENTATION, **CLASSIFICATION}
CONFIDENT = [
    name for name in OF_BOTH if name.split()[0] in ("FixMatch", "UniMatch", "RankMatch", "SimMatch")
]


def make(name, **options):
    """A method on the toy network, initialised, in training mode."""
    init_default_scope("rankseg")
    torch.manual_seed(0)
    kind = name.split()[0]
    student = toy_student() if name in SEGMENTATION else toy_classifier()
    if kind in ("FixMatch", "UniMatch", "RankMatch", "SimMatch"):
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
    return method.train()


def batch(name, labeled=2, unlabeled=2):
    torch.manual_seed(1)
    if name.startswith("TACCCL"):
        return toy_pair_batch(labeled, matched="matches" in name)
    if name in CLASSIFICATION:
        return toy_class_batch(labeled, unlabeled, twin="CMSF" in name)
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
def test_labelled_crops_without_a_valid_pixel(name):
    inputs, samples = batch(name)
    for sample in samples["labeled"]:
        sample.gt_sem_seg.data.fill_(255)
    step(make(name), inputs, samples, nothing=["loss_x"])


@pytest.mark.parametrize("name", SEGMENTATION)
def test_one_labelled_crop_of_two_without_a_valid_pixel(name):
    inputs, samples = batch(name)
    samples["labeled"][0].gt_sem_seg.data.fill_(255)
    assert step(make(name), inputs, samples)["loss_x"] > 0


@pytest.mark.parametrize("name", TERMS)
def test_unlabelled_crops_that_are_padding_only(name):
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
    refused = {
        "FixMatch": "one image has no variance for the batch norm .* use",  # a view passes alone
        "CPS CutMix": "set model.cutmix=None, or take at least 2",
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
def test_several_steps_with_images_of_one_colour(name):
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


# --- losses

LOGITS = {
    "large": torch.tensor([1e4, -1e4, 0.0]),
    "larger": torch.tensor([1e30, -1e30, 1e30]),
    "equal": torch.zeros(3),
}


def maps(values, dtype=torch.float32):
    return values.to(dtype)[None, :, None, None].repeat(2, 1, 4, 4).requires_grad_()


def check(loss, *inputs, zero=False):
    assert loss.isfinite().all() and loss.dtype == torch.float32
    grads = torch.autograd.grad(loss.sum(), inputs)
    assert all(grad.isfinite().all() for grad in grads)
    if zero:
        assert loss == 0 and all(grad.eq(0).all() for grad in grads)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("which", LOGITS)
def test_losses_of_pixels(which, valid, dtype):
    for label in range(3):
        logits, other = maps(LOGITS[which], dtype), maps(LOGITS[which].flip(0), dtype)
        truth = torch.full((2, 4, 4), label)
        sure, inside = torch.ones(2, 4, 4), torch.full((2, 4, 4), valid)
        check(pixel_consistency(logits, truth, sure, inside, 0.9), logits, zero=not valid)
        check(pixel_consistency(logits, truth, 0 * sure, inside, 0.9), logits, zero=True)
        check(probability_consistency(logits, other, inside), logits, zero=not valid)
        truth = truth if valid else torch.full_like(truth, 255)
        for loss in (OhemCrossEntropyLoss(min_kept=5), CrossEntropy()):
            check(loss(logits.float(), truth), logits, zero=not valid)


class CrossEntropy:
    """mmseg's, as our configs have it."""

    def __call__(self, logits, label):
        init_default_scope("rankseg")
        loss = MODELS.build(dict(type="CrossEntropyLoss", avg_non_ignore=True))
        return loss(logits, label, ignore_index=255)


FEATURES = {
    "zero": lambda: torch.zeros(2, 8, 3, 3),
    "constant": lambda: torch.full((2, 8, 3, 3), 5.0),
    "large": lambda: 1e4 * torch.randn(2, 8, 3, 3),
    "tiny": lambda: 1e-30 * torch.randn(2, 8, 3, 3),
    "one image": lambda: torch.randn(1, 8, 3, 3),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("consistency", CONSISTENCIES)
@pytest.mark.parametrize("which", FEATURES)
def test_rank_correlation(which, consistency, selection, dtype):
    torch.manual_seed(0)
    loss = RankCorrelationLoss(
        num_agents=5, topk=4, selection=selection, consistency=consistency, loss_weight=1.0
    )
    weak, strong = FEATURES[which]().to(dtype), FEATURES[which]().to(dtype).requires_grad_()
    check(loss(weak, strong), strong)
    nothing = torch.zeros(len(weak), 3, 3, dtype=torch.bool)
    check(loss(weak, strong, valid=nothing), strong, zero=True)


@pytest.mark.parametrize("which", FEATURES)
def test_agents_are_different_positions(which):
    chosen = orthogonal_agents(FEATURES[which](), 9)
    assert all(sorted(row) == list(range(9)) for row in chosen.tolist())


def test_orders_of_weights_that_are_all_in_one():
    certain = torch.tensor([[0.0, -1e4, -1e4, -1e4], [0.0, 0.0, 0.0, 0.0]]).requires_grad_()
    check(plackett_luce_kl(certain.detach().flip(0), certain), certain)


@pytest.mark.parametrize("semantic", ["smoothing", "scaling", None])
@pytest.mark.parametrize("instance", ["smoothing", "scaling", None])
def test_targets_that_exclude_each_other(semantic, instance):
    # all labelled images are of class 0, of which the prediction is sure that it is not
    sure = torch.tensor([[0.0, 1.0]])
    targets = similarity_targets(
        sure, torch.tensor([[0.5, 0.5]]), torch.tensor([0, 0]), 0.9, semantic, instance
    )
    for target in targets:
        logits = torch.tensor([[1e4, -1e4]]).requires_grad_()
        check(soft_cross_entropy(logits, target), logits)
        check(soft_squared_error(logits, target), logits)
        check(soft_cross_entropy(logits, target, torch.zeros(1)), logits, zero=True)


def test_memory_of_nothing():
    bank, queue = FeatureBank(3, 4, momentum=0.5), DistributionQueue(2, 3)
    for _ in range(3):
        bank.write(torch.tensor([0, 0, 2]), torch.zeros(3, 4), torch.tensor([1, 1, 2]))
        aligned = queue.align(F.one_hot(torch.zeros(4, dtype=torch.long), 3).float())
    assert bank.feature.isfinite().all() and aligned.isfinite().all()
    other = F.one_hot(torch.tensor([1, 2]), 3).float()  # classes of which the queue knows nothing
    assert queue.align(other).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", LOGITS)
def test_features_among_clusters(which, dtype):
    feature = LOGITS[which].clamp(-1e15, 1e15).to(dtype).repeat(2, 1).requires_grad_()
    for centres in (torch.zeros(2, 3), feature.detach().float(), torch.randn(4, 3)):
        check(discriminative_loss(feature, centres), feature)
        check(contrastive_clustering(feature, centres), feature)
    check(pair_distance(feature, torch.zeros_like(feature)), feature)
    check(pair_distance(feature, feature.detach()), feature, zero=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", ["edge", "far", "behind", "flat"])
def test_attention_under_any_map(which, dtype):
    homography = {
        "edge": [[1.0, 0, 2], [0, 1, 0], [0, 0, 1]],
        "far": [[1e-6, 0, 1e9], [0, 1e-6, 0], [0, 0, 1]],
        "behind": [[1.0, 0, 0], [0, 1, 0], [0, 0, -1]],
        "flat": [[0.0, 0, 0], [0, 0, 0], [0, 0, 0]],
    }[which]
    maps = torch.rand(2, 1, 5, 5).to(dtype).requires_grad_()
    homography = torch.tensor(homography).expand(2, 3, 3)
    points = torch.tensor([[[1e9, -1e9], [torch.nan, 0]], [[torch.nan] * 2] * 2])
    mask = keypoint_mask(points, (5, 5), 0.1)
    assert mask[0].eq(0).all() and mask[1].eq(1).all()
    for masks in ((), (mask, mask)):
        check(attention_consistency(maps, 1 - maps, homography, *masks), maps, zero=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", LOGITS)
def test_neighbours_of_anything(which, dtype):
    online = LOGITS[which].clamp(-1e15, 1e15).to(dtype).repeat(2, 1).requires_grad_()
    for allowed in (torch.zeros(3).bool(), torch.ones(3).bool()):
        unit = F.normalize(online.float(), dim=1)
        chosen = nearest(unit.detach() @ torch.eye(3), 2, allowed)
        check(mean_shift(unit, torch.eye(3), chosen).sum(), online)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("which", FEATURES)
def test_assembly_of_anything(which, dtype):
    feature = FEATURES[which]().to(dtype)
    logits = torch.randn(len(feature), 9, 9).mul(100).requires_grad_()
    for term in (
        lambda log_weights: assembly_entropy(log_weights),
        lambda log_weights: assembly_correlation(log_weights.exp()),
        lambda log_weights: local_coherence(log_weights.exp(), feature),
    ):
        check(term(doubly_normalised(logits, 20)), logits)


def test_every_loss_is_here():
    known = {
        *("OhemCrossEntropyLoss", "RankCorrelationLoss", "orthogonal_agents", "pixel_consistency"),
        *("plackett_luce_kl", "probability_consistency", "similarity_targets"),
        *("soft_cross_entropy", "soft_squared_error", "discriminative_loss"),
        *("mean_shift", "nearest"),
        *("assembly_correlation", "assembly_entropy", "local_coherence"),
        *("attention_consistency", "contrastive_clustering", "keypoint_mask", "pair_distance"),
    }
    assert set(rankseg_losses.__all__) == known
