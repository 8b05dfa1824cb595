# SPDX-License-Identifier: Apache-2.0
"""Every method in two processes against one process with the same global batch.

Images are shared out as the sampler does. What a process draws at random cannot be equal to what
one process draws for all; here every draw (boxes, dropped channels, first agents) is a function of
the image, and where CutMix pastes from the batch, one process pairs images within the same halves.
Labels to ignore and padding are spread unevenly, so that every mean must be over all processes.
Two processes take a millisecond for each batch norm: one case has them in the whole network.
"""

import math
from unittest import mock

import pytest
import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from torch import Tensor

from rankseg.engine.distributed import wrap_for_cpus
from rankseg.models import mixing
from rankseg.models.layers import (
    perturbations,
)
from rankseg.models.losses import agents, rank_correlation
from rankseg.models.methods import fixmatch, mixmatch
from rankseg.models.methods.cct import PUBLISHED
from rankseg.registry import MODELS
from rankseg.testing.processes import run_processes
from rankseg.testing.toy import COMPOSED, toy_batch, toy_class_batch, toy_classifier, toy_student

STEPS, IMAGES, SIZE = 3, 4, 33
TEACHER = dict(momentum=0.3)
SECOND = "decode_head.branches.consistency"


def segmentor(loss=None, all_norms=False):
    """A segmentor that synchronizes the batch norms of its head, or all."""
    student = toy_student()
    student.decode_head.dropout_ratio = 0.0
    student.backbone.norm_eval = not all_norms
    if loss is not None:
        student.decode_head.loss_decode = loss
    return student


def classifier(*branches):
    """A classifier of seven batch norms."""
    student = toy_classifier()
    student.backbone = dict(type="WideResNet", depth=10, width=1, norm_cfg=dict(type="BN"))
    student.decode_head.branches = {k: student.decode_head.branches[k] for k in branches}
    return student


def rank_match(**options):
    return dict(
        type="RankMatch", rank=dict(num_agents=6), threshold=0.35, mix_source="same", **options
    )


PERTURBATIONS = [dict(one, count=1) for one in PUBLISHED]
OHEM = dict(type="OhemCrossEntropyLoss", threshold=0.4, min_kept=1)
SIMMATCH = dict(type="SimMatch", bank_size=2 * IMAGES, threshold=0.35, queue_length=2)
TARGETS = dict(
    type="CMSF",
    predictor=dict(type="Projector", normalize=False),
    memory_size=3 * IMAGES,
    teacher=dict(momentum=0.3, buffers=False),
)
CASES = {
    "Supervised": (segmentor(all_norms=True), dict(type="Supervised")),
    "Supervised, hard pixels": (segmentor(OHEM), dict(type="Supervised")),
    "Supervised, hard pixels of each image": (
        segmentor(dict(OHEM, min_kept=0.2)),
        dict(type="Supervised"),
    ),
    "FixMatch": (segmentor(), dict(type="FixMatch", threshold=0.35, mix_source="same")),
    "FixMatch, pasting from the batch": (segmentor(), dict(type="FixMatch", threshold=0.35)),
    "UniMatch": (segmentor(), dict(type="UniMatch", threshold=0.35, mix_source="same")),
    "RankMatch": (segmentor(), rank_match(mask_padding=True)),
    "RankMatch with teacher": (segmentor(), rank_match(teacher=TEACHER, labels_from="teacher")),
    "MeanTeacher": (segmentor(), dict(type="MeanTeacher", teacher=TEACHER)),
    "CPS": (segmentor(), dict(type="CPS")),
    "CPS, pasting from the batch": (segmentor(), dict(type="CPS", cutmix=dict(boxes=1))),
    "CCT": (segmentor(all_norms=True), dict(type="CCT", perturbations=PERTURBATIONS)),
    "Supervised classes": (
        classifier("projection"),  # in no loss
        dict(type="Supervised", find_unused_parameters=True),
    ),
    "FixMatch classes": (
        classifier(),
        dict(type="FixMatch", threshold=0.35, mix_source=None, track_pseudo_labels=True),
    ),
    "MeanTeacher, two outputs": (
        classifier("consistency"),
        dict(
            type="MeanTeacher",
            teacher=dict(momentum=0.3, buffers=False, warmup=True),
            consistency_tap=SECOND,
            whole_batch=True,
        ),
    ),
    "SimMatch": (classifier("projection"), dict(bank_momentum=0.7, **SIMMATCH)),
    "SimMatch with teacher": (
        classifier("projection"),
        dict(teacher=TEACHER, labels_from="teacher", track_pseudo_labels=True, **SIMMATCH),
    ),
    "LabelPropagation": (classifier(), dict(type="LabelPropagation")),
    "LabelPropagation with Mean Teacher": (
        classifier("consistency"),
        dict(
            type="LabelPropagation", teacher=TEACHER, consistency_weight=2.0, consistency_tap=SECOND
        ),
    ),
    "CMSF": (
        classifier("projection"),  # whose own classifier is in no loss
        dict(find_unused_parameters=True, num_images=IMAGES, k=3, search=3, **TARGETS),
    ),
    "CMSF with labels": (
        classifier("projection"),
        dict(constraint="label", free_share=0.3, top_all=True, **TARGETS),
    ),
    "MixMatch": (classifier(), dict(type="MixMatch", track_pseudo_labels=True)),
    "SnowballMixMatch": (
        classifier(),
        dict(type="SnowballMixMatch", teacher=TEACHER, master=TEACHER, labels_from="teacher"),
    ),
    "LMCS": (
        {**toy_classifier(), "decode_head": classifier().decode_head},
        dict(type="LMCS", teacher=TEACHER, master_momentum=0.3, **COMPOSED),
    ),
}


# --- a batch, and one process's share of it


def whole_batch(case: str, step: int, images: int = IMAGES) -> tuple[dict, dict]:
    """Images and labels of all processes, unevenly labelled and padded."""
    classes = "branches" in CASES[case][0]["decode_head"]
    # Rounding differs between CPUs. With these seeds, no value is so close to a threshold, a tie or
    # a corner of ReLU that a change of the weights by 2e-7 matters; with most seeds, one is.
    torch.manual_seed((390 if classes else 170) + step)
    if classes:
        inputs, samples = toy_class_batch(IMAGES, IMAGES, 17, twin="CMSF" in case)
        for i, sample in enumerate(samples["labeled"]):  # a bank of all is full after two steps
            sample.set_metainfo({"sample_idx": (i + step * IMAGES) % (2 * IMAGES)})
        return inputs, samples
    inputs, samples = toy_batch(images, images, SIZE, mixed=True)
    samples["labeled"][0].gt_sem_seg.data[:, 5:] = 255
    for view in ("weak", "mix_weak"):
        samples[view][1].valid.data[:, 9:] = False
    return inputs, samples


def share(inputs: dict, samples: dict) -> tuple[dict, dict]:
    """Every world-th image, as the sampler deals them out."""
    rank, world = get_dist_info()
    cut = slice(rank, None, world)
    return {k: v[cut] for k, v in inputs.items()}, {k: v[cut] for k, v in samples.items()}


# --- draws as functions of the image


def number(*images: Tensor) -> list[int]:
    """A number for every image, from what it shows."""
    return [int(image[0, 0, 0].item() * 1e6) % 1009 for image in images]


class Draws:
    """Takes the place of everything that a process draws."""

    def __init__(self, inputs: dict[str, Tensor]) -> None:
        self.weak = number(*inputs["weak"])
        self.rows = number(*inputs["labeled"]) + self.weak

    def boxes(self, batch: int, size: tuple[int, int], *options) -> Tensor:
        corners = torch.tensor(self.weak)[:, None] // torch.tensor([1, 7]) % 12
        return torch.cat((corners, corners + 14), 1)

    def dropout(self, features: Tensor, rate: float) -> Tensor:
        channels = torch.arange(features.shape[1]) * 7 + torch.tensor(self.rows)[:, None]
        return features * (channels % 5 > 1)[:, :, None, None] / (1 - rate)

    def first(self, features: Tensor) -> Tensor:
        return torch.tensor(self.weak) % features.shape[2:].numel()

    def uniform(self, like: Tensor, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        place = torch.arange(1, 1 + math.prod(shape[1:]), dtype=torch.float64)
        shares = torch.tensor(self.weak)[:, None] * place * 0.618 % 1
        return (low + (high - low) * shares).view(shape).to(like)

    def mixup(self, count: int, alpha: float) -> tuple[Tensor, Tensor]:
        shares = torch.tensor(self.rows + self.weak) * 0.618 % 1
        return 0.5 + shares / 2, pair(torch.arange(count), 1, 0)

    def patches(self) -> list:
        dropout = "rankseg.models.layers.perturbations.F.dropout2d"
        return [
            mock.patch.object(fixmatch, "cutmix_boxes", self.boxes),
            mock.patch.object(mixing, "cutmix_boxes", self.boxes),
            mock.patch.object(mixmatch, "draw_mixup", self.mixup),
            mock.patch.object(perturbations, "uniform", self.uniform),
            mock.patch(dropout, self.dropout),
            mock.patch.object(agents, "random_first", self.first),
            mock.patch.object(rank_correlation, "random_first", self.first),
            mock.patch.object(torch.Tensor, "roll", pair),
        ]


def pair(rows: Tensor, shift: int, axis: int) -> Tensor:
    """Every image gets that before it in its process's share, also where one process has all."""
    order = torch.arange(len(rows))
    shares = 1 if get_dist_info()[1] > 1 else 2
    for start in range(shares):
        place = order[start::shares].clone()
        order[start::shares] = torch.cat((place[-1:], place[:-1]))
    return rows[order]


# --- three steps


def train(case: str, images: int = IMAGES, steps: int = STEPS) -> dict[str, Tensor]:
    """All that a method holds after some steps, the gradients of the last, and all losses."""
    init_default_scope("rankseg")
    torch.manual_seed(0)
    student, options = CASES[case]
    options = dict(options)
    cfg = dict(sync_bn="torch", find_unused_parameters=options.pop("find_unused_parameters", False))
    preprocessor = dict(type="ViewPreprocessor", mean=[0.0] * 3, std=[1.0] * 3)
    method = MODELS.build(dict(student=student, data_preprocessor=preprocessor, **options))
    method.init_weights()
    if case.startswith("LabelPropagation"):
        labels = torch.arange(IMAGES) % 3
        method.set_pseudo_labels(labels, labels / 3 + 0.2, torch.tensor([0.5, 1.0, 2.0]))
    if case == "LMCS":
        method.end_step(torch.arange(method.centres.numel()).view_as(method.centres) % 5 / 5.0)
    several = get_dist_info()[1] > 1
    model = wrap_for_cpus(method, cfg) if several else method
    # the weights must go the same way, not be thrown about: rounding would grow with every step
    learning = {name: one for name, one in method.named_parameters() if one.requires_grad}
    optimizer = OptimWrapper(torch.optim.SGD(learning.values(), 0.01, momentum=0.9))
    losses = {}
    for step in range(steps):
        inputs, samples = share(*whole_batch(case, step, images))
        draws = Draws(inputs).patches()
        for patch in draws:
            patch.start()
        found = model.train().train_step(dict(inputs=inputs, data_samples=samples), optimizer)
        for name, value in found.items():
            if "loss" in name:
                losses[f"step {step} {name}"] = value.detach().clone()
        for patch in draws:
            patch.stop()
        if method.teacher is not None:
            method.update_teacher()
    momenta = {
        f"momentum {name}": optimizer.optimizer.state[parameter]["momentum_buffer"]
        for name, parameter in learning.items()
        if parameter in optimizer.optimizer.state
    }
    for value in losses.values():
        all_reduce(value, "mean")
    return {**method.state_dict(), **momenta, **losses}


def train_all() -> dict[str, dict[str, Tensor]]:
    return {case: train(case) for case in CASES}


@pytest.fixture(scope="module")
def processes() -> list[dict[str, dict[str, Tensor]]]:
    return run_processes(2, train_all)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_end_where_one_does(processes, case):
    one, other = (found[case] for found in processes)
    wanted = train(case)
    assert wanted.keys() == one.keys() == other.keys()
    for name, value in wanted.items():
        assert torch.equal(one[name], other[name]), f"{name} differs between the processes"
        torch.testing.assert_close(
            one[name], value, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("world", [4, 8])
def test_released_schedule_on_any_number_of_processes(world, monkeypatch):
    """8 + 8 images on one process, 2 + 2 on four, 1 + 1 on eight: OHEM, CutMix and rank loss.

    With the threshold of Cityscapes, which no confidence can be close to.
    """
    options = rank_match() | dict(threshold=0.0)
    monkeypatch.setitem(CASES, "released", (segmentor(dict(OHEM, min_kept=0.2)), options))
    wanted = train("released", 8, 1)
    assert sum(name.startswith("step 0 loss_") for name in wanted) == 6
    for found in run_processes(world, train, "released", 8, 1):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            if name.startswith("step"):
                torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)
            elif name.startswith("momentum"):  # rounding can switch single ReLUs and labels
                difference = (found[name] - value).norm()
                assert difference <= 0.01 * value.norm() + 1e-5, f"{name}: {difference:.2g}"
