# SPDX-License-Identifier: Apache-2.0
"""Loading of ImageNet weights into a backbone, with a check that they match."""

import logging
import re
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from rankseg.models.weights.checkpoint_file import load_checkpoint_file
from rankseg.models.weights.finite import BadWeightsError, check_numbers

_WRAPPERS = ("state_dict", "model")
_DEEP_STEM = re.compile(r"conv1\.(\d+)\.")
_SHOWN = 5
_HEADS = ("fc.", "last_linear.", "aux1.", "aux2.")  # classifier names in other packages
_RESNET = (
    "the file of the same depth and stem (a torchvision file has a single 7x7 convolution: "
    "backbone type 'ResNet'; the deep stem 64-64-128 is 'ResNetV1c' with stem_channels=128)"
)


def read_state(path: str | Path, option: str = "pretrained") -> dict[str, Tensor]:
    """Read the tensors of a checkpoint, without the wrappers that training scripts add.

    The file is a state dict, or a dict with one, under ``model`` or ``state_dict`` if there are
    several; or a ``.safetensors`` file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"Expected pretrained weights at {path}, but there is no such file. Put the file there "
            "(data/README.md says where to get it), or start from random weights with "
            f"{option}=None."
        )
    return tensors_of(load_checkpoint_file(str(path), map_location="cpu"), path)


def tensors_of(content: Any, path: str | Path) -> dict[str, Tensor]:
    """Return the tensors in the content of a checkpoint, without wrappers and ``module.``."""
    if isinstance(content, dict):
        wrapper = next((k for k in _WRAPPERS if isinstance(content.get(k), dict)), None)
        content = content[wrapper] if wrapper else content
    if isinstance(content, dict) and not _has_tensors(content):
        inner = [one for one in content.values() if isinstance(one, dict) and _has_tensors(one)]
        content = inner[0] if len(inner) == 1 else content
    if not isinstance(content, dict) or not _has_tensors(content):
        raise ValueError(
            f"Expected {path} to hold a state dict, or one under 'model', but it has no tensors."
        )
    return {k.removeprefix("module."): v for k, v in content.items() if torch.is_tensor(v)}


def _has_tensors(content: dict) -> bool:
    return any(torch.is_tensor(value) for value in content.values())


def rename_deep_stem(state: dict[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    """Rename a ResNet stem of three convolutions to the names of mmseg's ``ResNetV1c``.

    Other packages name the stem ``conv1.0`` to ``conv1.6``, then ``bn1``; mmseg names it ``stem.0``
    to ``stem.7``. A state without such a stem is returned unchanged.
    """
    body = {name: name.removeprefix(prefix) for name in state if name.startswith(prefix)}
    if not any(_DEEP_STEM.match(name) for name in body.values()):
        return state

    def rename(name: str) -> str:
        if name not in body:
            return name
        return prefix + re.sub(r"^bn1\.", "stem.7.", _DEEP_STEM.sub(r"stem.\1.", body[name]))

    return {rename(name): tensor for name, tensor in state.items()}


def read_backbone(backbone: nn.Module, path: str | Path) -> dict[str, Tensor]:
    """Read pretrained weights for a backbone and check that all of them match.

    Supports torchvision's names (``conv1``, ``layer1.0.bn2``), a deep stem (``conv1.0`` ... ,
    ``bn1``), mmseg's names (``stem.0``), and any of these as the ``backbone.`` part of a larger
    model, or of the student in a checkpoint of a method. Classifiers (``fc.*``, auxiliary ones) and
    everything else outside the backbone are dropped and logged. Batch-norm counters that old files
    lack keep their values. A method ``rename_released`` of the backbone converts released weights
    to its own names.
    """
    return fit_state(backbone, read_state(path), str(path))


def fit_state(
    backbone: nn.Module, given: dict[str, Tensor], source: str, log: bool = True
) -> dict[str, Tensor]:
    """Check that weights match a backbone; see :func:`read_backbone`."""
    if any(name.startswith("student.backbone.") for name in given):  # of a method
        of_student = {k: v for k, v in given.items() if k.startswith("student.")}
        given = {k.removeprefix("student."): v for k, v in of_student.items()}
    whole_model = any(name.startswith("backbone.") for name in given)
    dropped = [
        k for k in given if k.startswith(_HEADS) or (whole_model and not k.startswith("backbone."))
    ]
    state = {k.removeprefix("backbone."): v for k, v in given.items() if k not in dropped}
    state = getattr(backbone, "rename_released", rename_deep_stem)(state)
    own = backbone.state_dict()
    message = describe_mismatch(own, state)
    if message:
        raise ValueError(
            f"Expected pretrained weights that match {type(backbone).__name__}, but in {source}: "
            f"{message}. Use {getattr(backbone, 'WEIGHTS', _RESNET)}, or "
            f"{getattr(backbone, 'WEIGHTS_OPTION', 'pretrained')}=None."
        )
    try:
        check_numbers(state, own)
    except BadWeightsError as error:
        raise ValueError(f"Pretrained weights {source}: {error}") from error
    if log:
        without = f", without {_some(dropped)}" if dropped else ""
        text = f"Loaded the backbone from {source}{without}."
        print_log(text, logger="current", level=logging.INFO)
    return {k: state.get(k, v) for k, v in own.items()}


def load_backbone(backbone: nn.Module, path: str | Path) -> None:
    """Load pretrained weights into a backbone; see :func:`read_backbone`."""
    backbone.load_state_dict(read_backbone(backbone, path))


def describe_mismatch(own: dict[str, Tensor], given: dict[str, Tensor]) -> str:
    """Describe the names and shapes in which two state dicts differ; empty if they match."""
    missing = [k for k in own if k not in given and not k.endswith("num_batches_tracked")]
    extra = [k for k in given if k not in own]
    shapes = [
        f"{k} is {tuple(given[k].shape)}, expected {tuple(own[k].shape)}"
        for k in own
        if k in given and own[k].shape != given[k].shape
    ]
    parts = [("missing in the file", missing), ("unknown to the model", extra), ("shapes", shapes)]
    return "; ".join(f"{what} ({len(x)}): {_some(x)}" for what, x in parts if x)


def _some(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
