# SPDX-License-Identifier: Apache-2.0
"""Checks of the network before training: crops, features, logits, losses and prediction."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rankseg.engine.activation_checkpointing import find_modules
from rankseg.engine.layer_decay import LayerDecayConstructor
from rankseg.models.backbones import TimmTrunk
from rankseg.models.methods import Method
from rankseg.models.methods.base import Output
from rankseg.models.segmentors.dry_run import first_line, image_channels, try_out
from rankseg.models.segmentors.padding import pad_multiple, padded_size
from rankseg.models.segmentors.student import ONE_HEAD, check_losses
from rankseg.models.weights.pretrained import read_state
from rankseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from rankseg.utils.config_nodes import nodes

STRIDES = (4, 8, 14, 16, 32, 64)
"""Feature strides in pixels to try if the stride of a network cannot be measured."""
LARGER = 896
"""Pixels added to a crop to measure the feature stride, a multiple of all ``STRIDES``."""


def crop_of(cfg: Config) -> tuple[int, int] | None:
    """Return height and width of the training crops, or None if the pipeline does not crop."""
    found = [
        node["crop_size"] for _, node in nodes(cfg.train_dataloader.dataset) if "crop_size" in node
    ]
    if not found:
        return None
    sizes = {(size, size) if isinstance(size, int) else tuple(size) for size in found}
    if len(sizes) > 1:
        raise ValueError(
            "Expected labeled_pipeline and unlabeled_pipeline to crop to the same size, as their "
            f"images go through the student together, but got {sorted(sizes)}. Set the same "
            "crop_size."
        )
    return sizes.pop()


def check_model(model: Method, cfg: Config) -> None:
    """Check that network, crop, feature tap, number of agents and losses fit together.

    Crops are not checked for a classifier: it pools its features and takes images of any size.
    """
    find_modules(model, cfg.get("activation_checkpointing") or [])
    crop = crop_of(cfg)
    if crop is None or model.image_level:
        return
    model.check_features(check_crop(model, crop))
    check_losses(model.student)


class Shapes(NamedTuple):
    """Feature size and logits of a student for images of one size, maybe on the meta device.

    The size is that of the tapped features, or without a tap of the coarsest encoder features.
    """

    size: tuple[int, int]
    logits: Any


def shapes_of(
    model: Method, crop: Sequence[int], training: bool = False, full: bool = True
) -> Shapes:
    """Return the shapes of features and logits for a crop, by a trial pass, see :func:`try_out`."""
    maps: list[Tensor] = []
    options = dict(labeled=1, feature_dropout=model.feature_dropout) if training else {}

    def run(network: nn.Module, images: Tensor) -> Output:
        extract = network.extract_feat

        def extract_and_keep(inputs: Tensor) -> Any:
            features = extract(inputs)
            maps[:] = _maps(features)
            return features

        network.extract_feat = extract_and_keep  # the network is a copy
        return model.run(network, images, **options)

    output = try_out(run, model.student, crop, 2 if training else 1, training, full)
    if model.feature_tap is None:
        sizes = [tuple(one.shape[2:]) for one in maps]
        return Shapes(min(sizes, key=lambda size: size[0] * size[1]), output.logits)
    if output.feature is None:
        raise ValueError(
            f"Expected feature_tap={model.feature_tap!r} to name a submodule that runs in the "
            "network, but it does not run."
        )
    return Shapes(tuple(output.feature.shape[2:]), output.logits)


def _maps(features: Any) -> list[Tensor]:
    """Return the feature maps in the output of an encoder, without class tokens."""
    if isinstance(features, Tensor):
        return [features] if features.dim() == 4 else []
    return [found for one in features for found in _maps(one)]


def check_crop(model: Method, crop: Sequence[int]) -> tuple[int, int]:
    """Check that the network can train on a crop; return height and width of the feature map.

    Features must fall on whole pixels, as others cannot be pasted together with the images. A
    backbone that pads images has features at the middle of its patches, for any crop.
    """
    student = model.student
    try:
        size, logits = shapes_of(model, crop, training=True)
    except Exception as error:  # any exception: the code is that of mmseg or of the user
        near = " or ".join(map(str, _right_sizes(model, max(crop), STRIDES)))
        hint = f"Set crop_size to {near}" if near else "No size near it works: check the network"
        raise ValueError(
            f"Expected model.student ({name_of(student)}) to take crops of {crop[0]}x{crop[1]} "
            f"pixels, but it failed: {first_line(error)}. {hint}."
        ) from error
    check_logits(model, logits)
    padded, multiple = padded_size(student, crop), pad_multiple(student)
    if padded != tuple(crop):
        print_log(
            f"Crops of {crop[0]}x{crop[1]} pixels are padded to {padded[0]}x{padded[1]} in the "
            f"network, a multiple of {multiple}. A crop_size that is a "
            "multiple needs no padding."
        )
    if multiple > 1:
        return size
    align = student.decode_head.align_corners
    steps = _measure_steps(model, crop, size)
    for pixels, cells, step in zip(crop, size, steps, strict=True):
        if not fits(pixels, cells, align, step):
            apart = step or _nearest_power(pixels / cells)
            near = _right_sizes(model, pixels, (apart,)) or _multiples(pixels, apart, align)
            kind = f"a multiple of {apart}" + (" plus 1" if align else "")
            raise ValueError(
                f"Expected crop_size to be {kind}, as features of the network are {apart} pixels "
                f"apart, but got {pixels}. Set crop_size to {' or '.join(map(str, near))}."
            )
    return size


def fits(pixels: int, cells: int, align_corners: bool, step: int | None = None) -> bool:
    """Return True if a grid of features, ``step`` pixels apart if known, falls on whole pixels."""
    offset = 1 if align_corners else 0
    if cells <= offset:
        return False
    if step is None:
        return (pixels - offset) % (cells - offset) == 0
    return (pixels - offset) == (cells - offset) * step


def _measure_steps(
    model: Method, crop: Sequence[int], size: Sequence[int]
) -> tuple[int | None, int | None]:
    """Return pixels between features along both sides, each None if it cannot be measured."""
    try:
        larger = shapes_of(model, [pixels + LARGER for pixels in crop], full=False).size
    except Exception:  # for example an encoder for images of one size
        return None, None
    more = [new - old for new, old in zip(larger, size, strict=True)]
    return tuple(LARGER // one if one > 0 and LARGER % one == 0 else None for one in more)


def _multiples(pixels: int, step: int, align_corners: bool) -> list[int]:
    """Return the multiples of a step (plus 1) next to a number, below and above, without 0."""
    offset = 1 if align_corners else 0
    below = (pixels - offset) // step * step + offset
    return [one for one in (below, below + step) if one > offset and one != pixels]


def _nearest_power(step: float) -> int:
    """Return the smallest power of two that is not below a rounded feature stride."""
    return 1 << max(0, round(step) - 1).bit_length() if step > 1 else 1


def _right_sizes(model: Method, pixels: int, steps: Sequence[int]) -> list[int]:
    """Return the nearest sizes below and above one that the network takes."""
    align = model.student.decode_head.align_corners
    made_for = getattr(getattr(model.student, "backbone", None), "img_size", None)
    made_for = [made_for] if isinstance(made_for, int) else list(made_for or ())
    tried = {one for step in steps for one in _multiples(pixels, step, align)} | {*made_for}
    right = []
    for one in sorted(tried):
        try:
            cells = shapes_of(model, (one, one), full=False).size
        except Exception:
            continue
        right += [one] if fits(one, cells[0], align) else []
    return [one for one in right if one < pixels][-1:] + [one for one in right if one > pixels][:1]


def check_logits(model: Method, logits: Any) -> None:
    """Check that the head returns one map of logits."""
    head = model.student.decode_head
    rows = 4 if model.feature_dropout else 2
    if not isinstance(logits, Tensor):
        found = f"{len(logits)} outputs" if isinstance(logits, list | tuple) else type(logits)
    elif logits.dim() != 4 or logits.shape[:2] != (rows, head.num_classes):
        found = f"a tensor {tuple(logits.shape)} for {rows} images"
    else:
        return
    raise ValueError(
        f"Expected model.student.decode_head to return one map of logits (B, {head.num_classes}, "
        f"h, w) in training, but got {found} from {type(head).__name__}. {ONE_HEAD}"
    )


def has_batch_norm(network: nn.Module) -> bool:
    """Return True if a network contains batch normalization."""
    return any(isinstance(module, _BatchNorm) for module in network.modules())


def check_initial_files(student: nn.Module) -> None:
    """Check the files that ``init_cfg=dict(type="Pretrained", ...)`` of a network names.

    MMEngine would run code inside such a file, and would download a file that is a URL. Weights of
    a :class:`~rankseg.models.backbones.TimmTrunk` are checked, too.
    """
    for name, module in student.named_modules():
        configs = getattr(module, "init_cfg", None)
        for config in configs if isinstance(configs, list | tuple) else [configs or {}]:
            if config.get("type") in ("Pretrained", "PretrainedInit"):
                file = str(config.get("checkpoint"))
                if "://" in file:
                    raise ValueError(
                        f"Expected the weights of model.student.{name} to be a file on this "
                        f"machine, but got {file}. Download it and set model.pretrained=FILE, or "
                        "remove 'pretrained' and init_cfg=dict(type='Pretrained') from the student."
                    )
                read_state(file)
        if isinstance(module, TimmTrunk):
            module.check_weights()


def check_preprocessor(cfg: Config) -> None:
    """Check that images are normalized as the student's own config expects."""
    theirs = cfg.model.student.get("data_preprocessor") or {}
    ours = cfg.model.get("data_preprocessor") or {}
    for key in ("mean", "std"):
        if theirs.get(key) is not None and list(theirs[key]) != list(ours.get(key) or ()):
            raise ValueError(
                f"Expected model.data_preprocessor.{key}, by which images are normalized, to be "
                f"that of model.student.data_preprocessor, {theirs[key]}, but got {ours.get(key)}. "
                "Remove model.student.data_preprocessor and set "
                f"model.data_preprocessor.{key}."
            )


def check_layer_decay(model: Method, cfg: Config) -> None:
    """Check that ``layer_decay`` of a backbone is used by the optimizer."""
    constructor = (cfg.get("optim_wrapper") or {}).get("constructor")
    kind = OPTIM_WRAPPER_CONSTRUCTORS.get(constructor) if constructor else None
    decay = getattr(getattr(model.student, "backbone", None), "layer_decay", None)
    if decay is None or (isinstance(kind, type) and issubclass(kind, LayerDecayConstructor)):
        return
    raise ValueError(
        "Expected optim_wrapper.constructor to be 'LayerDecayConstructor', which "
        f"model.student.backbone.layer_decay={decay} needs, but got {constructor!r}. Set it, or "
        "set layer_decay=None."
    )


def check_channels(model: Method, image: Tensor) -> None:
    """Check that the images of the pipeline have the channels that the network takes."""
    expected, found = image_channels(model.student), image.shape[0]
    if expected != found:
        raise ValueError(
            f"Expected images of {expected} channels, as model.student.backbone.in_channels says, "
            f"but the pipeline makes images of {found}. Set in_channels={found}, or load images of "
            f"{expected} channels by a transform and a preprocessor of your own."
        )


def check_images(model: Method, image: Tensor) -> None:
    """Check that the student takes an image of this size, ``(3, H, W)``."""
    height, width = image.shape[1:]
    try:
        try_out(model.run, model.student, (height, width))
    except Exception as error:
        raise ValueError(
            f"Expected model.student to take the images of the pipeline, {width}x{height} pixels, "
            f"but it failed: {first_line(error)}"
        ) from error


def check_prediction(model: Method, image: Tensor) -> None:
    """Check that the student can predict a validation image with its ``test_cfg``."""
    config, size = model.student.test_cfg, tuple(image.shape[1:])
    slides = config.mode == "slide"
    if slides:
        size = tuple(min(pair) for pair in zip(size, config.crop_size, strict=True))
    try:
        try_out(model.run, model.student, size)
    except Exception as error:
        what = "windows" if slides else "images"
        raise ValueError(
            f"Expected model.student ({name_of(model.student)}) to predict validation {what} of "
            f"{size[0]}x{size[1]} pixels, but it failed: {first_line(error)}. Set "
            "model.student.test_cfg=dict(mode='slide', crop_size=(H, W), stride=(H, W)) with the "
            "crop_size of training, and use images that are not smaller."
        ) from error


def name_of(student: nn.Module) -> str:
    """Return the names of backbone and head of a student, for messages."""
    backbone = type(getattr(student, "backbone", student)).__name__
    return f"{backbone} with {type(student.decode_head).__name__}"
