# SPDX-License-Identifier: Apache-2.0
"""Config and generated images for a run of any method that takes a second or two."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rankseg.testing.toy import COMPOSED, toy_classifier, toy_student

CLASSES = ("blue", "green", "red")
CONFIGS = Path(__file__).resolve().parents[2] / "configs"

_SECOND = "decode_head.branches.consistency"
_PROPAGATION = dict(type="LabelPropagation", warmup=2)
_RELABEL = dict(type="LabelPropagationHook", k=3)
SEGMENTATION: dict[str, dict] = {
    "supervised": dict(type="Supervised"),
    "rankmatch": dict(
        type="RankMatch",
        rank=dict(type="RankCorrelationLoss", num_agents=4),
        threshold=0.4,
        teacher=dict(momentum=0.1),
        labels_from="teacher",
    ),
    "prevmatch": dict(type="PrevMatch", size=2, threshold=0.4, previous_threshold=0.0),
    "cps": dict(type="CPS", cutmix=dict(boxes=1), average=True),
    "cct": dict(
        type="CCT",
        perturbations=[
            dict(count=1, perturb=dict(type=name))
            for name in ("ChannelDropout", "GuidedCutout", "VirtualAdversarial", "FeatureDrop")
        ],
        warmup=1,
        ramp=4,
        teacher=dict(momentum=0.1),
    ),
}
_PREDICTOR = dict(type="Projector", hidden_channels=16, norm=True, normalize=False)
_TARGET = dict(
    type="CMSF",
    predictor=_PREDICTOR,
    memory_size=5,
    teacher=dict(momentum=0.1, buffers=False),
)
CLASSIFICATION: dict[str, dict] = {
    "cmsf": dict(k=2, search=3, num_images=9, **_TARGET),
    "cmsf_semi": dict(
        constraint="label",
        free_share=0.0,
        classifier=_PREDICTOR,
        bank_size=3,
        threshold=0.4,
        track_pseudo_labels=True,
        **_TARGET,
    ),
    "simmatch": dict(
        type="SimMatch",
        bank_size=3,
        bank_momentum=0.7,
        queue_length=2,
        threshold=0.4,
        track_pseudo_labels=True,
    ),
    "simmatch_teacher": dict(
        type="SimMatch", bank_size=3, labels_from="teacher", teacher=dict(momentum=0.1)
    ),
    "mean_teacher": dict(
        type="MeanTeacher",
        consistency_tap=_SECOND,
        ramp=4,
        teacher=dict(momentum=0.1, warmup=True, buffers=False),
        predict_on="teacher",
    ),
    "label_propagation": _PROPAGATION,
    "label_propagation_teacher": dict(
        **_PROPAGATION,
        consistency_weight=1.0,
        consistency_tap=_SECOND,
        teacher=dict(momentum=0.1, warmup=True, buffers=False),
    ),
    "lmcs": dict(
        type="LMCS",
        teacher=dict(momentum=0.1),
        predict_on="teacher",
        master_start=1,
        discriminative_weight=1.0,
        **COMPOSED,
    ),
}
_STEP = dict(type="CompositionHook", length=3)
_DISCOVER = dict(
    type="DiscoveryHook",
    begin=2,
    length=3,
    sizes=(2, 3),
    generations=1,
    select=dict(type="critical_samples", share=0.5),
    maps=None,
)
SAMPLERS: dict[str, dict] = {"label_propagation": dict(labeled_batches=2)}
HOOKS: dict[str, list[dict]] = {
    "cmsf_semi": [dict(type="PseudoClassifierHook", epochs=2)],
    "label_propagation": [_RELABEL],
    "label_propagation_teacher": [_RELABEL],
    "lmcs": [_STEP, _DISCOVER],
}
METHODS = (*SEGMENTATION, *CLASSIFICATION)


def write_set(root: Path, square: int = 8) -> Path:
    """Write a set with 3 labeled, 9 unlabeled and 4 validation images of 3 x 3 squares.

    It has both masks and classes. The squares have three colors; the class of an image is its most
    frequent color.
    """
    rng = np.random.default_rng(0)
    lists: dict[str, str] = {"labeled": "", "unlabeled": "", "val": ""}
    for i, half in enumerate(["labeled"] * 3 + ["unlabeled"] * 9 + ["val"] * 4):
        mask = np.where(rng.random((3, 3)) < 0.5, i % 3, rng.integers(0, 3, (3, 3)))
        mask = mask.astype(np.uint8).repeat(square, 0).repeat(square, 1)
        image = (np.eye(3)[mask] * 150 + rng.integers(0, 90, (*mask.shape, 3))).astype(np.uint8)
        part = "test" if half == "val" else "train"
        folder, masks = root / part / CLASSES[i % 3], root / "masks"
        folder.mkdir(parents=True, exist_ok=True)
        masks.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{i}.png"), image)
        cv2.imwrite(str(masks / f"{i}.png"), mask)
        lists[half] += f"{part}/{CLASSES[i % 3]}/{i}.png\tmasks/{i}.png\n"
    for kind in ("masks", "classes"):
        (root / "splits" / kind).mkdir(parents=True)
        for half, text in lists.items():
            if kind == "classes":
                names = [line.split("\t")[0] for line in text.splitlines()]
                text = "".join(f"{name} {name.split('/')[1]}\n" for name in names)
            (root / "splits" / kind / f"{half}.txt").write_text(text)
    return root


def toy_config(method: str, root: Path, workers: int = 0) -> dict[str, Any]:
    """Build the config of a run of 8 iterations, a checkpoint every 2 and a validation every 3."""
    masks = method in SEGMENTATION
    model = (SEGMENTATION if masks else CLASSIFICATION)[method]
    student = (toy_student() if masks else toy_classifier()).to_dict()
    if not masks:
        branches = student["decode_head"]["branches"]
        projected = "simmatch" in method or "cmsf" in method
        wanted = "projection" if projected else "consistency"
        wanted = None if method == "lmcs" else wanted
        student["decode_head"]["branches"] = {k: v for k, v in branches.items() if k == wanted}
    key = "mIoU" if masks else "top1"
    hooks = [dict(type="StepSeedHook"), dict(type="EMATeacherHook")]
    hooks += [dict(type="PseudoLabelHook", interval=2, key=key), dict(type="SummaryHook", key=key)]
    hooks += HOOKS.get(method, [])
    loader = _train_loader(root, masks, workers, twin="classifier" in model)
    loader["sampler"] |= SAMPLERS.get(method, {})
    schedule = dict(type="PolyLR", power=0.9, by_epoch=False)
    optimizer = dict(type="SGD", lr=0.02, momentum=0.9)
    return dict(
        _base_=str(CONFIGS / "_base_/default_runtime.py"),
        model=dict(
            student=student,
            data_preprocessor=dict(type="ViewPreprocessor", mean=[90.0] * 3, std=[60.0] * 3),
            **model,
        ),
        train_dataloader=loader,
        val_dataloader=_val_loader(root, masks, workers),
        val_evaluator=dict(type="SegmentationMetric" if masks else "ClassificationMetric"),
        optim_wrapper=dict(type="OptimWrapper", optimizer=optimizer),
        param_scheduler=[schedule],
        train_cfg=dict(type="PassTrainLoop", max_iters=8, val_interval=3),
        default_hooks=dict(checkpoint=dict(interval=2, save_best=key), logger=dict(interval=1)),
        custom_hooks=hooks,
    )


def _dataset(root: Path, masks: bool) -> dict:
    kind = dict(type="FolderDataset", classes=CLASSES) if masks else dict(type="ClassFolderDataset")
    return dict(data_root=str(root), **kind)


def _train_loader(root: Path, masks: bool, workers: int, twin: bool = False) -> dict:
    flip = [dict(type="HorizontalFlip")]
    if masks:
        load = [dict(type="LoadSample"), dict(type="RandomResizeCropFlip", crop_size=33)]
        views = [load, [*load, dict(type="StrongViews", num=2)]]
    else:
        views = [
            [dict(type="LoadImage"), dict(type="DrawViews", weak=flip, **strong)]
            for strong in (dict(strong=flip) if twin else {}, dict(strong=flip))
        ]
    pipelines = [
        [*steps, dict(type="PackViews", labeled=labeled)]
        for steps, labeled in zip(views, (True, False), strict=True)
    ]
    return dict(
        batch_size=4,
        num_workers=workers,
        persistent_workers=workers > 0,
        sampler=dict(type="LabeledUnlabeledSampler", labeled=2, unlabeled=2),
        collate_fn=dict(type="collate_views"),
        dataset=dict(
            type="SemiDataset",
            dataset=_dataset(root, masks),
            split="masks" if masks else "classes",
            labeled_pipeline=pipelines[0],
            unlabeled_pipeline=pipelines[1],
        ),
    )


def _val_loader(root: Path, masks: bool, workers: int) -> dict:
    where = dict(ann_file="splits/masks/val.txt") if masks else dict(folder="test")
    load = "LoadSample" if masks else "LoadImage"
    return dict(
        batch_size=2,
        num_workers=workers,
        persistent_workers=workers > 0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        dataset=dict(
            test_mode=True,
            pipeline=[dict(type=load), dict(type="PackEval")],
            **where,
            **_dataset(root, masks),
        ),
    )


def write_config(path: Path, method: str, root: Path, workers: int = 0) -> Path:
    """Write :func:`toy_config` as a config file."""
    config = toy_config(method, root, workers)
    config["_base_"] = [config["_base_"]]
    text = "\n".join(f"{key} = {value!r}" for key, value in config.items())
    path.write_text(text + "\n")
    return path
