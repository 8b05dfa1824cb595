# SPDX-License-Identifier: Apache-2.0
"""What is checked of model, batch and weights before the first iteration."""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log

from rankseg.apis.nodes import nodes
from rankseg.datasets import ListDataset, SemiDataset, check_data
from rankseg.datasets.class_sampler import NO_LABELS, check_class_batch
from rankseg.datasets.looking import Look
from rankseg.datasets.samplers import check_batch_size
from rankseg.datasets.seen import SeenFiles, cache_file
from rankseg.engine.activation_checkpointing import find_modules
from rankseg.engine.checkpoint import load_checkpoint_file, misfit
from rankseg.models.heads import EmbeddingHead, ImageLevelHead
from rankseg.models.losses.agents import check_num_agents
from rankseg.models.methods import Method
from rankseg.models.new_classes import make_anew
from rankseg.models.other_method import leave_out
from rankseg.models.pretrained import read_backbone
from rankseg.registry import DATASETS, METRICS, MODELS
from rankseg.structures import LABELED, WEAK, SampleKey, mix


def is_image_level(cfg: Config) -> bool:
    """Whether the student of a config classifies whole images."""
    head = MODELS.get(cfg.model.student.decode_head.type)
    return head is not None and issubclass(head, ImageLevelHead)


def is_embedding(cfg: Config) -> bool:
    """Whether the student of a config embeds images, and names no class."""
    head = MODELS.get(cfg.model.student.decode_head.type)
    return head is not None and issubclass(head, EmbeddingHead)


def refuse_embedding(cfg: Config) -> None:
    """Refuse an embedding network where classes are asked for.

    Raises:
        ValueError: If the config is of one.
    """
    if is_embedding(cfg):
        raise ValueError(
            "model.student.decode_head is an EmbeddingHead, which names no class: "
            "tools/retrieve.py shows what such a network finds, and tools/test.py judges it"
        )


def crop_of(cfg: Config) -> tuple[int, int] | None:
    """Height and width of the training crops, or None if the pipeline does not crop."""
    found = [
        node["crop_size"] for _, node in nodes(cfg.train_dataloader.dataset) if "crop_size" in node
    ]
    if not found:
        return None
    sizes = {(size, size) if isinstance(size, int) else tuple(size) for size in found}
    if len(sizes) > 1:
        raise ValueError(
            f"labeled_pipeline and unlabeled_pipeline crop to different sizes {sorted(sizes)}: "
            "both go through the student in one pass and need the same crop_size"
        )
    return sizes.pop()


@torch.no_grad()
def feature_size(model: Method, crop: Sequence[int]) -> tuple[int, int]:
    """Size of the tapped (or else the backbone's last) features for a crop.

    Nothing is computed: the model must be on the meta device.
    """
    student = model.student.eval()
    images = torch.empty(1, 3, *crop, device="meta")
    feature = model.run(student, images).feature
    feature = student.extract_feat(images)[-1] if feature is None else feature
    return tuple(feature.shape[2:])


def check_crop(crop: int, cells: int, align_corners: bool) -> None:
    """Check that the feature grid falls on pixels, so that pasting features is exact.

    Args:
        crop: Pixels along one side.
        cells: Feature positions along it.
        align_corners: Whether the grid runs from corner pixel to corner pixel.

    Raises:
        ValueError: Naming the nearest sizes that do.
    """
    offset = 1 if align_corners else 0
    if cells > offset and (crop - offset) % (cells - offset) == 0:
        return
    stride = 2 ** max(0, round(torch.tensor(crop / cells).log2().item()))
    below = max(1, (crop - offset) // stride) * stride + offset
    kind = f"a multiple of the stride {stride}" + (" plus 1" if align_corners else "")
    raise ValueError(
        f"crop_size {crop} does not suit the network: its features lie {stride} pixels apart, so "
        f"expected {kind}: use {below} or {below + stride}"
    )


def check_model(model: Method, cfg: Config) -> None:
    """Check that crop, feature tap and number of agents go together.

    A classifier pools its features, and takes images of any size.

    Args:
        model: Built on the meta device.
        cfg: Its config.

    Raises:
        ValueError: If they do not, or ``activation_checkpointing`` names no submodule.
    """
    find_modules(model, cfg.get("activation_checkpointing") or [])
    crop = crop_of(cfg)
    if crop is None or isinstance(model.student.decode_head, ImageLevelHead):
        return
    size = feature_size(model, crop)
    for pixels, cells in zip(crop, size, strict=True):
        check_crop(pixels, cells, model.student.decode_head.align_corners)
    rank = getattr(model, "rank_loss", None)
    if rank is not None and rank.selection != "all":
        check_num_agents(size[0] * size[1], rank.num_agents)


def check_files(
    cfg: Config, train: SemiDataset, val: ListDataset | None, full: bool = False
) -> list[str]:
    """Check the files of the data sets; what was found good is remembered for the next time.

    Args:
        cfg: Config of the data sets.
        train: The training set.
        val: The validation set.
        full: Decode every file, of the test set too.

    Returns:
        Lines for the log.

    Raises:
        ValueError, OSError: See :func:`rankseg.datasets.check_data`.
    """
    test = cfg.get("test_dataloader") if full else None
    known = None if val is None else cfg.val_dataloader.dataset
    test = None if test is None or test.dataset == known else DATASETS.build(test.dataset)
    seen = SeenFiles(cache_file(train.labeled.data_root))
    try:
        return check_data(train, val, Look(full, seen), test)
    finally:
        seen.save()  # what was good before the first bad one


def check_classes(cfg: Config, dataset: Any) -> None:
    """Check that the head has an output for every class of the data set.

    An embedding has no output for a class.

    Raises:
        ValueError: If not.
    """
    if is_embedding(cfg):
        return
    classes, outputs = dataset.metainfo["classes"], cfg.model.student.decode_head.num_classes
    if outputs != len(classes):
        raise ValueError(
            f"model.student.decode_head.num_classes={outputs}, but the data set has "
            f"{len(classes)} classes ({', '.join(classes[:5])}, ...): set it to {len(classes)}"
        )


def check_batch(model: Method, cfg: Config) -> None:
    """Check the numbers of images in a batch, and say if the learning rate was meant for another.

    Raises:
        ValueError: If the loader's batch is not the sampler's, or too small for batch norm.
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
    """Check a batch of labelled and unlabelled images."""
    only = sampler.get("labeled_only", False)
    check_batch_size(batch_size, sampler.labeled, sampler.unlabeled, only)
    if sampler.unlabeled * getattr(model, "strong_views", 2) == 1 and get_world_size() == 1:
        raise ValueError(
            f"train_dataloader.sampler.unlabeled=1 gives {type(model).__name__} a forward pass of "
            "one image, for which batch norm has no statistics: use 2 unlabelled images or more"
        )


@torch.no_grad()
def check_one_image(model: Method, cfg: Config) -> None:
    """Check that the student can train on one image, where the labeled ones run alone.

    Args:
        model: Built on the meta device, on which nothing is computed.
        cfg: Its config.

    Raises:
        ValueError: If batch norm has one value for a channel, as behind a global average.
    """
    sampler, crop = cfg.train_dataloader.sampler, crop_of(cfg)
    warm = getattr(model, "warmup", 0) > 0 or model.views == (LABELED,)
    alone = warm or sampler.get("labeled_only", False)
    if crop is None or sampler.get("labeled") != 1 or not alone or get_world_size() > 1:
        return
    student = model.student.train()
    device = next(student.parameters()).device
    channels = len((cfg.model.get("data_preprocessor") or {}).get("mean", "RGB"))
    try:
        model.run(student, torch.empty(1, channels, *crop, device=device), labeled=1)
    except ValueError as error:
        raise ValueError(
            f"expected two labeled images in a batch or more, but train_dataloader.sampler.labeled"
            f"=1 gives {type(model).__name__} a forward pass of one image: {error}. Set "
            "train_dataloader.sampler.labeled=2, and batch_size to match"
        ) from error
    except (RuntimeError, NotImplementedError):
        return  # not every network runs without being computed
    finally:
        student.eval()


def check_not_validated(hooks: Sequence[Hook]) -> None:
    """Check that no hook of a run without validation needs its pipeline.

    Raises:
        ValueError: If one does, by its option ``features``.
    """
    for hook in hooks:
        if getattr(hook, "features", None) == "test":
            raise ValueError(
                f"{type(hook).__name__}(features='test') in custom_hooks loads images by the "
                "pipeline of val_dataloader, which is None: set its features='train'"
            )


def check_metrics(evaluator: Any, dataset: Any) -> None:
    """Let metrics look at the data set that they will be of.

    Args:
        evaluator: ``val_evaluator`` or ``test_evaluator``: a config or several, or ``None``.
        dataset: That of the same loader.

    Raises:
        ValueError: If a metric's ``check_dataset`` refuses it.
    """
    for one in evaluator if isinstance(evaluator, list | tuple) else [evaluator]:
        metric = METRICS.build(one) if isinstance(one, dict) else one
        if hasattr(metric, "check_dataset"):
            metric.check_dataset(dataset)


def check_student(model: Method, image: torch.Tensor) -> None:
    """Check that the student takes an image of this size, ``(3, H, W)``; nothing is computed.

    Raises:
        ValueError: If not.
    """
    try:
        model.run(model.student.eval(), torch.empty(1, *image.shape, device="meta"))
    except RuntimeError as error:
        height, width = image.shape[1:]
        raise ValueError(
            f"model.student cannot take the images of the pipeline, {width}x{height} pixels: "
            f"{str(error).splitlines()[0]}"
        ) from error


def check_views(model: Method, train: Any, cfg: Config) -> None:
    """Load a labelled and an unlabelled sample, and check that the method can train on them.

    Args:
        model: Built on the meta device.
        train: The training set.
        cfg: Config of both.

    Raises:
        ValueError: If a view is missing, a classifier cannot take the images, or nothing labels
            images for a sampler of classes.
    """
    needed, sampler = set(model.views), cfg.train_dataloader.sampler
    hooks = {hook.get("type") for hook in cfg.get("custom_hooks") or [] if isinstance(hook, dict)}
    if sampler.type == "PKSampler" and not train.num_labeled and "ClusterHook" not in hooks:
        raise ValueError(NO_LABELS)
    if getattr(model, "mix_source", None) == "batch" and sampler.get("unlabeled") == 1:
        needed |= {mix(view) for view in needed - {LABELED}}
        print_log("one unlabelled image per process: pasting a second crop of the same image")
    # a sampler of classes deals out unlabelled images with labels that a hook has made
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
        check_student(model, found.get(LABELED, found.get(WEAK)))


def check_weights(model: Method, cfg: Config) -> None:
    """Check the files of weights that the run will load.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If it does not fit, saying which names and shapes.
    """
    if model.pretrained is not None:
        read_backbone(model.student.backbone, model.pretrained)
    if cfg.get("load_from"):
        state = load_checkpoint_file(cfg.load_from, map_location="cpu")  # to see its numbers
        state = dict(state.get("state_dict", state))
        if not cfg.get("resume"):  # as StartFromHook does
            leave_out(model, state)
            make_anew(model, state)
        try:
            model.load_state_dict(state, strict=True, assign=True)  # copying onto meta warns
        except RuntimeError as error:
            raise misfit(cfg.load_from, error) from error
