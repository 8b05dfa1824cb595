# SPDX-License-Identifier: Apache-2.0
"""No forward or backward pass of any method reads a value back, which would wait for the device.

The host waits once for every step, at its end: whether it is to be skipped must be known. One
library may make it wait: pytorch-metric-learning, which lists pairs.
"""

import traceback

import pytest
import torch
from mmengine.logging import MessageHub
from torch.utils._python_dispatch import TorchDispatchMode

from rankseg.models.methods import __all__ as METHODS
from rankseg.testing.toy import (
    COMPOSED,
    toy_attention_embedder,
    toy_batch,
    toy_class_batch,
    toy_classifier,
    toy_pair_batch,
    toy_student,
)

aten = torch.ops.aten
READS = {  # operators whose result, or its size, must be known to the host
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.bincount.default,
}
TARGETS = dict(predictor=dict(type="Projector"), memory_size=6, teacher=dict(momentum=0.1))
EMBEDDED = dict(
    student=toy_attention_embedder(),
    metric_loss=dict(type="MultiSimilarityLoss"),
    miner=dict(type="MultiSimilarityMiner"),
)
STEPS = {
    "Supervised": {},
    "MeanTeacher": dict(teacher=dict(momentum=0.1)),
    "FixMatch": dict(threshold=0.5),
    "FixMatch by class": dict(threshold=(0.5, 0.4, 0.3)),
    "UniMatch": dict(threshold=0.5),
    "UniMatch of a second crop": dict(threshold=0.5, mix_source="same"),
    "RankMatch": dict(threshold=0.5),
    "RankMatch masked": dict(threshold=0.5, mask_padding=True),
    "RankMatch by a teacher": dict(teacher=dict(momentum=0.1), labels_from="teacher"),
    "RankMatch in a single pass": dict(
        teacher=dict(momentum=0.1), labels_from="teacher", single_pass=True, flip_labels=True
    ),
    "UniMatchV2": dict(threshold=0.5),
    "UniMatchV2 with an adaptive threshold": dict(threshold=0.5, threshold_momentum=0.9),
    "PrevMatch": dict(threshold=0.5, interval=1, size=2),
    "CPS with CutMix": dict(cutmix={}),
    "CCT by a teacher": dict(teacher=dict(momentum=0.1), labels_from="teacher"),
    "CPS": dict(),
    "CCT": dict(),
    "SimMatch": dict(bank_size=4),
    "SimMatch with InfoNCE": dict(bank_size=4, instance_loss="info_nce"),
    "SimMatch with SwAV": dict(bank_size=4, instance_loss="swav", prototypes=5),
    "LabelPropagation": {},
    "CMSF": dict(num_images=4, **TARGETS),
    "CMSF with a third view": dict(constraint="third", **TARGETS),
    "SupCon": dict(memory_size=6, teacher=dict(momentum=0.1)),
    "ProtoNet": dict(memory_size=6, teacher=dict(momentum=0.1)),
    "CMSF with a classifier": dict(
        constraint="label",
        classifier=dict(type="Projector", normalize=False),
        bank_size=4,
        track_pseudo_labels=True,
        **TARGETS,
    ),
    "LMCS": dict(teacher=dict(momentum=0.1), **COMPOSED),
    "MetricLearning": dict(**EMBEDDED, memory=dict(size=6)),
    "MetricLearning with a momentum memory": dict(
        **EMBEDDED,
        teacher=dict(momentum=0.1),
        memory=dict(size=6, network="teacher", loss=dict(type="ContrastiveLoss")),
    ),
    "MixMatch": {},
    "Rotation": {},
    "Snowball": dict(teacher=dict(momentum=0.1), master=dict(momentum=0.1)),
    "SnowballMixMatch": dict(teacher=dict(momentum=0.1), master=dict(momentum=0.1)),
    "SnowballMixMatch guided": dict(
        teacher=dict(momentum=0.1), master=dict(momentum=0.1), master_weight=1.0
    ),
    "TACCCL": EMBEDDED,
    "TACCCL of images that match": EMBEDDED,
}
IMAGES = (
    "CMSF",
    "SupCon",
    "ProtoNet",
    "LMCS",
    "SimMatch",
    "LabelPropagation",
    "MetricLearning",
    "MixMatch",
    "Rotation",
    "Snowball",
    "SnowballMixMatch",
    "TACCCL",
)  # not for masks


def excepted() -> bool:
    """Boxes and members of an ensemble are drawn on the host: their numbers can be read.

    And pairs are listed, by pytorch-metric-learning, which has no other way, and from its lists.
    """
    return any(
        frame.name in ("cutmix_boxes", "draw_ensemble", "mine")
        or "pytorch_metric_learning" in frame.filename
        for frame in traceback.extract_stack()
    )


class Reads(TorchDispatchMode):
    """Collects the operators that make the host wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        by_mask = func in (aten.index.Tensor, aten.index_put_.default) and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if (func in READS or by_mask) and not excepted():
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


def test_every_method_has_a_step():
    assert {name.split()[0] for name in STEPS} == set(METHODS) - {"Method"}


@pytest.fixture
def no_list_to_the_device(monkeypatch):
    """Refuses what waits on a GPU and is no operator: a list that goes straight to a device."""
    make = torch.tensor

    def tensor(*args, device=None, **kwargs):
        assert device is None, "expected torch.tensor(...).to(device, non_blocking=True)"
        return make(*args, **kwargs)

    monkeypatch.setattr(torch, "tensor", tensor)


@pytest.mark.parametrize("name", STEPS)
def test_a_step(name, build, no_list_to_the_device):
    images = name.split()[0] in IMAGES
    student = dict(student=toy_classifier()) if images else {}
    method = build(name.split()[0], **{**student, **STEPS[name]})
    if name == "LabelPropagation":
        method.set_pseudo_labels(torch.tensor([0, 1, 2, 0]), torch.ones(4), torch.ones(3))
    if method.pool is not None:  # with which the master guides
        method.pool.add(torch.tensor([5]), torch.tensor([1]), generation=0, step=0)
    twin = name.split()[0] in ("CMSF", "SupCon", "ProtoNet")
    crops = int("third" in name)
    batch = toy_class_batch(twin=twin, crops=crops) if images else toy_batch(mixed=True)
    if hasattr(method, "clusters"):
        method.set_clusters(torch.tensor([0, 1, 2]), torch.rand(3, 8))
        batch = toy_pair_batch(matched=2 * ("match" in name))
    if name.startswith("MetricLearning"):  # whose memory is read once something is in it
        method.loss(*batch)
    if name == "PrevMatch":  # whose counters are read once, after they were loaded
        method.take_weights()
        MessageHub.get_current_instance().update_info("iter", 1)
    with Reads() as reads:
        sum(term for key, term in method.loss(*batch).items() if "loss" in key).backward()
    assert reads.found == []


def test_spatial_assembly(build, no_list_to_the_device):
    assembly = dict(type="SpatialAssembly", in_channels=32, grid=2)
    insert = dict(at="backbone.layer3", module=assembly)
    method = build(
        "Supervised", student=toy_student() | dict(type="ExtendedSegmentor", insert=insert)
    )
    with Reads() as reads:
        losses = method(*toy_batch(), mode="loss")
        (losses["loss_x"] + losses["loss_assembly"]).backward()
    assert reads.found == []


def test_reading_is_seen():
    value = torch.arange(4.0)
    with Reads() as reads:
        value.sum().item()
        value[value > 1]
        value[value > 1] = 0
    kinds = {name.split(".")[1] for name in reads.found}
    assert kinds >= {"_local_scalar_dense", "index", "index_put_"}
