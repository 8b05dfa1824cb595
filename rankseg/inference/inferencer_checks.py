# SPDX-License-Identifier: Apache-2.0
"""Checks of checkpoint, config and device before prediction."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config

from rankseg.datasets.transforms.image_level import LoadImage
from rankseg.datasets.transforms.loading import LoadSample
from rankseg.registry import TRANSFORMS


def check_noted_classes(meta: Any, number: int, checkpoint: str | Path) -> None:
    """Check that a checkpoint was trained on the number of classes in the config.

    Raises:
        ValueError: If not. The message states both numbers.
    """
    noted = meta.get("dataset_meta") if isinstance(meta, Mapping) else None
    names = (noted or {}).get("classes")
    if names and len(names) != number:
        shown = ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")
        raise ValueError(
            f"checkpoint {checkpoint} was trained on {len(names)} classes ({shown}), and "
            f"model.student.decode_head.num_classes of the config is {number}: use the config that "
            "it was trained with"
        )


def pipeline_of(cfg: Config, shrink: float = 1.0) -> list[BaseTransform]:
    """Build the transforms of the test set for images that are already loaded.

    Args:
        cfg: Config of the network.
        shrink: Factor by which images are shrunk first.

    Raises:
        ValueError: If the first transform does not load the image, or the images of a classifier
            are to be shrunk.
    """
    steps = [TRANSFORMS.build(one) for one in cfg.test_dataloader.dataset.pipeline]
    if not steps or not isinstance(steps[0], LoadSample | LoadImage):
        raise ValueError(
            f"test_dataloader.dataset.pipeline begins with {steps[0] if steps else 'nothing'}: "
            "expected LoadSample or, of a classifier, LoadImage"
        )
    if not isinstance(steps[0], LoadSample):
        if shrink != 1:
            raise ValueError(
                "--shrink is for masks, and this config is of a classifier: leave it out"
            )
        return steps
    if shrink == 1:
        return steps[1:]
    smaller = dict(type="mmcv.Resize", scale_factor=1 / shrink, interpolation="area")
    return [TRANSFORMS.build(smaller), *steps[1:]]


def check_shrink(shrink: float, window: int | str) -> None:
    """Refuse a shrink factor below 1 or infinite, and one combined with windows.

    Raises:
        ValueError: If it is refused. The message names the option.
    """
    if not 1 <= shrink < float("inf"):
        raise ValueError(f"--shrink {shrink:g}: expected a number of 1 or more")
    if shrink > 1 and window != "auto":
        raise ValueError(
            f"--window {window} beside --shrink {shrink:g}: shrunk images are predicted by the "
            "windows of the config alone (test_cfg): leave --window out"
        )


def choose_device(device: str | torch.device | None) -> torch.device:
    """Return an available device.

    Raises:
        ValueError: If the given one is not available.
    """
    if device in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device {device} cannot be used ({reason}): leave it out, or name cpu, cuda or cuda:N"
        ) from error
