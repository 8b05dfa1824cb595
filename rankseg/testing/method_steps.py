# SPDX-License-Identifier: Apache-2.0
"""One step of every method with its options, for tests of properties that all of them have."""

from collections.abc import Callable
from typing import Any

import torch
from mmengine.logging import MessageHub

from rankseg.models.methods import Method
from rankseg.testing.toy import (
    COMPOSED,
    toy_attention_embedder,
    toy_batch,
    toy_class_batch,
    toy_classifier,
    toy_pair_batch,
)

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


WEIGHTS = [1.0, 2.0, 3.0]
LABELED = {
    "class weights": dict(type="CrossEntropyLoss", class_weight=WEIGHTS),
    "class weights of labels": dict(
        type="CrossEntropyLoss", class_weight=WEIGHTS, avg_non_ignore=True
    ),
    "dice": dict(type="DiceLoss"),
    "dice without a class": dict(type="DiceLoss", use_sigmoid=False, ignore_index=0),
    "ohem": dict(type="OhemCrossEntropyLoss", min_kept=10, class_weight=WEIGHTS),
    "ohem of mmseg": dict(type="OhemCrossEntropy", min_kept=10),
    "focal": dict(type="FocalLoss", alpha=[0.2, 0.5, 0.7], class_weight=WEIGHTS),
}


def prepare(name: str, build: Callable[..., Method]) -> tuple[Method, tuple[Any, Any]]:
    """Build the method of a step, whose memories hold something, and a batch for it."""
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
    return method, batch
