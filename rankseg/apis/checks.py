# SPDX-License-Identifier: Apache-2.0
"""What is checked of model and crop before the first iteration."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log

from rankseg.apis.config import nodes
from rankseg.models.losses.agents import check_num_agents
from rankseg.models.methods import Method


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
def tapped_size(model: Method, crop: Sequence[int]) -> tuple[int, int] | None:
    """Size of the tapped features for a crop, without computing anything (meta tensors)."""
    if model.feature_tap is None:
        return None
    student = deepcopy(model.student).to("meta").eval()
    output = model.run(student, torch.empty(1, 3, *crop, device="meta"))
    return tuple(output.feature.shape[2:])


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

    Raises:
        ValueError: If they do not.
    """
    crop = crop_of(cfg)
    size = None if crop is None else tapped_size(model, crop)
    if size is None:
        return
    for pixels, cells in zip(crop, size, strict=True):
        check_crop(pixels, cells, model.student.decode_head.align_corners)
    rank = getattr(model, "rank_loss", None)
    if rank is not None and rank.selection != "all":
        check_num_agents(size[0] * size[1], rank.num_agents)


def check_mixing(model: Any, cfg: Config) -> None:
    """Say in the log when a batch of one has to mix with a second crop of the same image."""
    sampler = cfg.train_dataloader.sampler
    if getattr(model, "mix_source", None) == "batch" and sampler.get("unlabeled") == 1:
        print_log(
            "one unlabelled image per process cannot mix with another of its batch: pasting a "
            "second crop of the same image (mix_source='same')",
            logger="current",
        )
