# SPDX-License-Identifier: Apache-2.0
"""Checks of model, batch and weights before the first iteration."""

import copy
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log

from rankseg.datasets import ListDataset, SemiDataset, check_data
from rankseg.datasets.file_checks import FileValidator
from rankseg.datasets.samplers.classes import NO_LABELS, check_class_batch
from rankseg.datasets.samplers.labeled_unlabeled import check_batch_size
from rankseg.datasets.validation_cache import ValidationCache, cache_file
from rankseg.engine.resilience.checkpoint import load_checkpoint_file, mismatch_error
from rankseg.models.heads import EmbeddingHead, ImageLevelHead
from rankseg.models.methods import Method
from rankseg.models.new_classes import reinit_classifier
from rankseg.models.other_method import leave_out
from rankseg.models.pretrained import read_backbone
from rankseg.models.trial import try_out
from rankseg.registry import DATASETS, METRICS, MODELS
from rankseg.structures import LABELED, WEAK, SampleKey, mix
from rankseg.training.network_checks import (
    check_images,
    check_initial_files,
    crop_of,
    has_batch_norm,
)
from rankseg.utils.config_nodes import nodes


def head_of(cfg: Config) -> Config:
    """Return the config of the student's head, the last one if there are several.

    No method accepts several heads; a later check reports them.

    Raises:
        ValueError: If there is none.
    """
    head = cfg.model.get("student", {}).get("decode_head")
    if not head:
        raise ValueError(
            "Expected model.student.decode_head to be the config of a head, but got "
            f"{head}. Set it, for example to dict(type='FCNHead', ...)."
        )
    return head[-1] if isinstance(head, list | tuple) else head


def is_image_level(cfg: Config) -> bool:
    """Return True if the student of a config classifies whole images."""
    head = MODELS.get(head_of(cfg).type)
    return head is not None and issubclass(head, ImageLevelHead)


def is_embedding(cfg: Config) -> bool:
    """Return True if the student of a config embeds images and predicts no class."""
    head = MODELS.get(head_of(cfg).type)
    return head is not None and issubclass(head, EmbeddingHead)


def refuse_embedding(cfg: Config) -> None:
    """Refuse an embedding network where classes are needed.

    Raises:
        ValueError: If the config is of an embedding network.
    """
    if is_embedding(cfg):
        raise ValueError(
            "model.student.decode_head is an EmbeddingHead, which names no class: "
            "tools/retrieve.py shows what such a network finds, and tools/test.py judges it"
        )


def check_files(
    cfg: Config, train: SemiDataset, val: ListDataset | None, full: bool = False
) -> list[str]:
    """Check the files of the data sets, and cache which files are valid.

    Args:
        cfg: Config of the data sets.
        train: Training set.
        val: Validation set.
        full: Decode every file, including the test set.

    Returns:
        Lines for the log.

    Raises:
        ValueError, OSError: See :func:`rankseg.datasets.check_data`.
    """
    test = cfg.get("test_dataloader") if full else None
    known = None if val is None else cfg.val_dataloader.dataset
    test = None if test is None or test.dataset == known else DATASETS.build(test.dataset)
    seen = ValidationCache(cache_file(train.labeled.data_root))
    try:
        return check_data(train, val, FileValidator(full, seen), test)
    finally:
        seen.save()  # also if a check fails: keeps the files found valid before


def check_classes(cfg: Config, dataset: Any) -> None:
    """Check that the head has an output for every class of the data set.

    An embedding network has no class outputs and is not checked.

    Raises:
        ValueError: If not.
    """
    if is_embedding(cfg):
        return
    classes, outputs = dataset.metainfo["classes"], head_of(cfg).num_classes
    if outputs != len(classes):
        raise ValueError(
            f"model.student.decode_head.num_classes={outputs}, but the data set has "
            f"{len(classes)} classes ({', '.join(classes[:5])}, ...): set it to {len(classes)}"
        )


def check_batch(model: Method, cfg: Config) -> None:
    """Check the batch size, and warn if the learning rate was chosen for another one.

    Raises:
        ValueError: If the batch sizes of loader and sampler differ, or are too small for batch
            norm.
    """
    loader, sampler = cfg.train_dataloader, cfg.train_dataloader.sampler
    if sampler.get("type") == "PKSampler":
        check_class_batch(loader.batch_size, sampler.classes, sampler.images)
    elif sampler.get("type") == "LabeledUnlabeledSampler":
        _check_mixed_batch(model, loader.batch_size, sampler)
    else:
        raise ValueError(
            f"train_dataloader.sampler is {sampler.get('type')}: expected LabeledUnlabeledSampler, "
            "which deals out labelled and unlabelled images, or PKSampler, which deals out some "
            "classes with some images each"
        )
    base = (cfg.get("auto_scale_lr") or {}).get("base_batch_size")
    total = loader.batch_size * get_world_size()
    if base and base != total and not cfg.auto_scale_lr.get("enable"):
        print_log(
            f"the learning rate of this config is for {base} images in a batch over all processes, "
            f"here are {total}: --auto-scale-lr multiplies it by {total / base:.4g}",
            level=logging.WARNING,
        )


def _check_mixed_batch(model: Method, batch_size: int, sampler: Config) -> None:
    """Check a batch of labeled and unlabeled images."""
    only = sampler.get("labeled_only", False)
    check_batch_size(batch_size, sampler.labeled, sampler.unlabeled, only)
    alone = sampler.unlabeled * getattr(model, "strong_views", 2) == 1 and get_world_size() == 1
    if alone and has_batch_norm(model.student):
        raise ValueError(
            f"train_dataloader.sampler.unlabeled=1 gives {type(model).__name__} a forward pass of "
            "one image, for which batch norm has no statistics: use 2 unlabelled images or more"
        )


def check_one_image(model: Method, cfg: Config) -> None:
    """Check that the student can train on one image, if labeled images run alone.

    Args:
        model: The method. It is not changed.
        cfg: Config of the method.

    Raises:
        ValueError: If batch norm gets a single value per channel, as after global average pooling.
    """
    sampler, crop = cfg.train_dataloader.sampler, crop_of(cfg)
    warm = getattr(model, "warmup", 0) > 0 or model.views == (LABELED,)
    alone = warm or sampler.get("labeled_only", False)
    if crop is None or sampler.get("labeled") != 1 or not alone or get_world_size() > 1:
        return
    try:
        try_out(partial(model.run, labeled=1), model.student, crop, training=True)
    except ValueError as error:
        raise ValueError(
            f"expected two labeled images in a batch or more, but train_dataloader.sampler.labeled"
            f"=1 gives {type(model).__name__} a forward pass of one image: {error}. Set "
            "train_dataloader.sampler.labeled=2, and batch_size to match"
        ) from error


def check_not_validated(hooks: Sequence[Hook]) -> None:
    """Check that no hook of a run without validation needs the validation pipeline.

    Raises:
        ValueError: If the option ``features`` of a hook is ``"test"``.
    """
    for hook in hooks:
        if getattr(hook, "features", None) == "test":
            raise ValueError(
                f"{type(hook).__name__}(features='test') in custom_hooks loads images by the "
                "pipeline of val_dataloader, which is None: set its features='train'"
            )


def check_metrics(evaluator: Any, dataset: Any) -> None:
    """Let each metric check the data set that it will evaluate.

    Args:
        evaluator: ``val_evaluator`` or ``test_evaluator``: one config, several, or ``None``.
        dataset: Data set of the same loader.

    Raises:
        ValueError: If the ``check_dataset`` of a metric raises it.
    """
    for one in evaluator if isinstance(evaluator, list | tuple) else [evaluator]:
        metric = METRICS.build(one) if isinstance(one, dict) else one
        if hasattr(metric, "check_dataset"):
            metric.check_dataset(dataset)


def check_views(model: Method, train: Any, cfg: Config) -> None:
    """Load a labeled and an unlabeled sample, and check that the method can train on them.

    Args:
        model: The method.
        train: Training set.
        cfg: Config of both.

    Raises:
        ValueError: If a view is missing, a classifier cannot take the images, or a sampler of
            classes has no labels and no hook that makes them.
    """
    needed, sampler = set(model.views), cfg.train_dataloader.sampler
    hooks = {hook.get("type") for hook in cfg.get("custom_hooks") or [] if isinstance(hook, dict)}
    if sampler.type == "PKSampler" and not train.num_labeled and "ClusterHook" not in hooks:
        raise ValueError(NO_LABELS)
    if getattr(model, "mix_source", None) == "batch" and sampler.get("unlabeled") == 1:
        needed |= {mix(view) for view in needed - {LABELED}}
        print_log("one unlabelled image per process: pasting a second crop of the same image")
    # a sampler of classes draws unlabeled images with labels that a hook made
    keys = [SampleKey(0, label=0 if "classes" in sampler and not train.num_labeled else None)]
    if needed != {LABELED} and train.num_unlabeled:
        keys.append(SampleKey(train.num_labeled))
    found = {view: image for key in keys for view, image in train[key]["inputs"].items()}
    if needed - set(found):
        raise ValueError(
            f"{type(model).__name__} needs the views {', '.join(sorted(needed))}, and the "
            f"pipelines make {', '.join(sorted(found))}: strong views come from "
            "dict(type='StrongViews', num=...), for classification from dict(type='DrawViews', "
            "strong=..., num=...), mix_* views from dict(type='WithMix', transforms=[...]) around "
            "geometry and views in unlabeled_pipeline"
        )
    if isinstance(model.student.decode_head, ImageLevelHead):
        check_images(model, found.get(LABELED, found.get(WEAK)))


def check_weights(model: Method, cfg: Config) -> None:
    """Check the weight files that the run will load.

    Args:
        model: The method. It is not changed.
        cfg: Config of the method.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is damaged or does not fit. The message lists names and shapes.
    """
    check_initial_files(model.student)
    if model.pretrained is not None:
        read_backbone(model.student.backbone, model.pretrained)
    for _, node in nodes(cfg.model.to_dict()):  # mmengine loads these in init_weights
        file = str(node.get("checkpoint", "")) if node.get("type") == "Pretrained" else ""
        if file and "://" not in file:
            load_checkpoint_file(file, map_location="meta")
    if cfg.get("load_from"):
        state = load_checkpoint_file(cfg.load_from, map_location="cpu")  # checks need the values
        state = dict(state.get("state_dict", state))
        if not cfg.get("resume"):  # as StartFromHook does
            leave_out(model, state)
            reinit_classifier(model, state)
        try:
            # load into a copy, as loading changes the model; copying to the meta device would warn
            copy.deepcopy(model).load_state_dict(state, strict=True, assign=True)
        except RuntimeError as error:
            raise mismatch_error(cfg.load_from, error) from error
