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
from rankseg.datasets.samplers.base import TrainSampler
from rankseg.datasets.validation_cache import ValidationCache, cache_file
from rankseg.engine.hooks.base import RunHook, RunSetup
from rankseg.engine.resilience.checkpoint import (
    load_checkpoint_file,
    look_at_checkpoint,
    mismatch_error,
)
from rankseg.evaluation.metric import RunMetric
from rankseg.models.heads import EmbeddingHead, ImageLevelHead
from rankseg.models.methods import Method
from rankseg.models.segmentors.dry_run import try_out
from rankseg.models.weights.pretrained import read_backbone
from rankseg.models.weights.transfer import (
    add_adapters,
    drop_unknown_parts,
    reinit_classifier,
)
from rankseg.registry import DATA_SAMPLERS, DATASETS, METRICS, MODELS
from rankseg.structures import LABELED, WEAK
from rankseg.training.network_checks import (
    check_channels,
    check_images,
    check_initial_files,
    crop_of,
    has_batch_norm,
)
from rankseg.utils.config_nodes import nodes


def head_of(cfg: Config) -> Config:
    """Return the config of the student's head, the last one if there are several.

    No method accepts several heads; a later check reports them.
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
    """Refuse an embedding network where classes are needed."""
    if is_embedding(cfg):
        raise ValueError(
            "Expected model.student.decode_head to predict classes, but got EmbeddingHead. Use "
            "tools/retrieve.py to show what the network retrieves, and tools/test.py to evaluate "
            "it."
        )


def check_files(
    cfg: Config, train: SemiDataset, val: ListDataset | None, full: bool = False
) -> list[str]:
    """Check the files of the data sets, cache which are valid, and return lines for the log."""
    test = cfg.get("test_dataloader") if full else None
    known = None if val is None else cfg.val_dataloader.dataset
    test = None if test is None or test.dataset == known else DATASETS.build(test.dataset)
    cache = ValidationCache(cache_file(train.labeled.data_root))
    try:
        return check_data(train, val, FileValidator(full, cache), test)
    finally:
        cache.save()  # also if a check fails: keeps the files found valid before


def check_classes(cfg: Config, dataset: Any) -> None:
    """Check that the head has an output for every class of the data set.

    An embedding network has no class outputs and is not checked.
    """
    if is_embedding(cfg):
        return
    classes, outputs = dataset.metainfo["classes"], head_of(cfg).num_classes
    if outputs != len(classes):
        raise ValueError(
            f"Expected model.student.decode_head.num_classes to be {len(classes)}, the number of "
            f"classes of the data set ({', '.join(classes[:5])}, ...), but got {outputs}. Set it "
            f"to {len(classes)}."
        )


def sampler_class(cfg: Config) -> type[TrainSampler]:
    """Return the class of the training sampler."""
    config = cfg.train_dataloader.sampler
    kind = DATA_SAMPLERS.get(str(config.get("type")))
    if kind is None or not issubclass(kind, TrainSampler):
        raise ValueError(
            "Expected train_dataloader.sampler to be LabeledUnlabeledSampler, which draws labeled "
            "and unlabeled images, PKSampler, which draws some classes with some images each, or "
            f"another subclass of TrainSampler, but got {config.get('type')}."
        )
    return kind


def build_sampler(cfg: Config, train: SemiDataset) -> TrainSampler:
    """Build the sampler of the training set."""
    sampler_class(cfg)
    config = cfg.train_dataloader.sampler
    return DATA_SAMPLERS.build(config, default_args=dict(dataset=train, seed=0))


def check_batch(setup: RunSetup, cfg: Config) -> None:
    """Check the batch size, and warn if the learning rate was chosen for another one."""
    batch_size = cfg.train_dataloader.batch_size
    setup.sampler.check_batch_size(batch_size)
    stage, steps = getattr(setup.sampler, "labeled_batches", 0), setup.method.labeled_steps
    if stage > steps:
        raise ValueError(
            f"Expected labeled_batches of the sampler to be at most {steps}, the first iterations "
            f"in which {type(setup.method).__name__} trains on labeled images alone, but got "
            f"{stage}. Set it to model.warmup with LabelPropagation, or to 0."
        )
    base = (cfg.get("auto_scale_lr") or {}).get("base_batch_size")
    total = batch_size * get_world_size()
    if base and base != total and not cfg.auto_scale_lr.get("enable"):
        print_log(
            f"The learning rate of this config is for batches of {base} images over all processes, "
            f"but batches have {total} images. Add --auto-scale-lr to multiply it by "
            f"{total / base:.4g}.",
            level=logging.WARNING,
        )


def check_one_image(setup: RunSetup, cfg: Config) -> None:
    """Check that batch norm has statistics if a forward pass consists of one image."""
    method, (labeled, unlabeled) = setup.method, setup.sampler.parts
    name, student = type(method).__name__, method.student
    if get_world_size() > 1:
        return
    if unlabeled * method.strong_views == 1 and has_batch_norm(student):
        raise ValueError(
            f"Expected two unlabeled images in a batch or more, but train_dataloader.sampler."
            f"unlabeled=1 gives {name} a forward pass of one image, for which batch norm has no "
            "statistics. Set train_dataloader.sampler.unlabeled=2, and batch_size to match."
        )
    crop = crop_of(cfg)
    alone = not unlabeled or method.warmup > 0 or method.views == (LABELED,)
    if crop is None or labeled != 1 or not alone:
        return
    try:
        try_out(partial(method.run, labeled=1), student, crop, training=True)
    except ValueError as error:
        raise ValueError(
            f"Expected two labeled images in a batch or more, but train_dataloader.sampler.labeled"
            f"=1 gives {name} a forward pass of one image: {error}. Set "
            "train_dataloader.sampler.labeled=2, and batch_size to match."
        ) from error


def check_metrics(evaluator: Any, dataset: Any) -> None:
    """Let each metric of an evaluator check the data set that it will evaluate."""
    for one in evaluator if isinstance(evaluator, list | tuple) else [evaluator]:
        metric = METRICS.build(one) if isinstance(one, dict) else one
        if isinstance(metric, RunMetric):
            metric.check_dataset(dataset)


def check_views(setup: RunSetup) -> None:
    """Load a labeled and an unlabeled sample, and check that the method can train on them."""
    method, train = setup.method, setup.train
    needed = method.needed_views(setup.sampler.parts[1])
    keys = setup.sampler.example_keys()
    if needed == {LABELED}:
        del keys[1:]
    found = {view: image for key in keys for view, image in train[key]["inputs"].items()}
    if needed - set(found):
        raise ValueError(
            f"Expected the pipelines to make the views {', '.join(sorted(needed))} for "
            f"{type(method).__name__}, but got {', '.join(sorted(found))}. Strong views come from "
            "dict(type='StrongViews', num=...), or for classification from dict(type='DrawViews', "
            "strong=..., num=...). Views mix_* come from dict(type='WithMix', transforms=[...]) "
            "around geometry and views in unlabeled_pipeline."
        )
    check_channels(method, next(iter(found.values())))
    if method.image_level:
        check_images(method, found.get(LABELED, found.get(WEAK)))


def check_hooks(setup: RunSetup, hooks: Sequence[Hook]) -> None:
    """Let each hook check the run, and the sampler whether it has labels.

    Raises:
        ValueError: If a hook does not work in this run, or labels are missing.
    """
    hooks = [hook for hook in hooks if isinstance(hook, RunHook)]
    setup.sampler.check_labels(any(hook.makes_labels for hook in hooks))
    for hook in hooks:
        hook.check(setup)


def check_weights(model: Method, cfg: Config) -> None:
    """Check the weight files that the run will load."""
    check_initial_files(model.student)
    if model.pretrained is not None:
        read_backbone(model.student.backbone, model.pretrained)
    model.check_weights(cfg.get("config_file"))
    for _, node in nodes(cfg.model.to_dict()):  # mmengine loads these in init_weights
        file = str(node.get("checkpoint", "")) if node.get("type") == "Pretrained" else ""
        if file and "://" not in file:
            load_checkpoint_file(file, map_location="meta")
    if cfg.get("load_from"):
        state = look_at_checkpoint(cfg.load_from)  # checks need the values
        state = dict(state.get("state_dict", state))
        if not cfg.get("resume"):  # as StartFromHook does
            drop_unknown_parts(model, state)
            add_adapters(model, state)
            reinit_classifier(model, state)
        try:
            # load into a copy, as loading changes the model; copying to the meta device would warn
            copy.deepcopy(model).load_state_dict(state, strict=True, assign=True)
        except RuntimeError as error:
            raise mismatch_error(cfg.load_from, error) from error
