# SPDX-License-Identifier: Apache-2.0
"""Extraction of network features and logits for every image of a data set."""

import copy
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from rankseg.engine.resilience.stopping import worker_start
from rankseg.models.layers import FeatureTap
from rankseg.models.memory import gather_rows
from rankseg.models.methods import Method
from rankseg.models.windows import by_size
from rankseg.structures import LABELED, WEAK, SampleKey
from rankseg.utils.progress import Progress


class Features(NamedTuple):
    """Features and logits on the CPU, one row per image.

    Attributes:
        feature: ``(N, D)`` float32 output of the tap; a feature map is averaged over positions.
        logits: ``(N, K)`` float32, averaged likewise.
    """

    feature: Tensor
    logits: Tensor


def with_pipeline(dataset: Dataset, pipeline: Callable[[dict], dict]) -> Dataset:
    """Return a copy of a :class:`~rankseg.datasets.SemiDataset` with another pipeline."""
    twin = copy.copy(dataset)
    twin.labeled, twin.unlabeled = copy.copy(dataset.labeled), copy.copy(dataset.unlabeled)
    twin.labeled.pipeline = twin.unlabeled.pipeline = pipeline
    return twin


@torch.no_grad()
def extract_features(
    method: Method,
    dataset: Dataset,
    indices: Sequence[int | SampleKey] | None = None,
    *,
    batch_size: int = 256,
    num_workers: int = 0,
    network: str = "student",
    tap: str = "decode_head.pool",
    main_only: bool = False,
) -> Features:
    """Run a network in eval mode over a data set with the data set's pipeline.

    The random number generators of the process are unchanged, so training is not affected. In
    distributed training each process runs its share. Batches are exchanged one at a time and are
    collected in CPU memory, so a GPU never holds more than a batch of every process.

    Args:
        indices: Indices or keys of the images, in output order; ``None`` takes all images.
        main_only: Whether only the main process receives the result. The others then get 0 rows,
            which saves ``N x (D + K) x 4`` bytes in each of them: 10 GB for 1.28 million images and
            2,048 channels.
    """
    keys = list(range(len(dataset)) if indices is None else indices)
    if not keys:
        raise ValueError("Expected indices of images to extract features from, but got none.")
    rank, world = get_dist_info()
    rows = -(-len(keys) // world)  # equal in all processes, so some images run twice
    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=[keys[i % len(keys)] for i in range(rank, rows * world, world)],
        num_workers=num_workers,
        collate_fn=collate_images,
        worker_init_fn=worker_start(num_workers),
        generator=torch.Generator(),  # else the loader draws from the global generator
    )
    net = method.network(network)
    mode = net.training
    net.eval()
    wanted = rank == 0 or not main_only
    done, found = 0, []
    try:
        progress = Progress("features of images", len(keys), logger="current")
        with FeatureTap(net, tap) as tapped, progress:
            for images in loader:
                images = method.data_preprocessor({"inputs": images})["inputs"]
                parts = [gather_rows(part) for part in _of_batch(net, tapped, images)]
                found = found or [
                    part.new_empty(len(keys) * wanted, part.shape[1]) for part in parts
                ]
                for rows, part in zip(found, parts, strict=True):
                    rows[done : done + len(part)] = part[: len(rows[done:])]
                done += len(parts[0])
                progress.update(min(len(keys), done))
    finally:
        net.train(mode)
    result = Features(*found)
    _warn_not_finite(result.feature)
    return result


def _of_batch(
    net: nn.Module, tapped: FeatureTap, images: Tensor | Sequence[Tensor]
) -> list[Tensor]:
    """Compute features ``(B, D)`` and logits ``(B, K)`` of images of any sizes, on the CPU."""
    rows: list = [None] * len(images)
    for places, same in by_size(images):
        logits = net.decode_head(net.extract_feat(same))
        pairs = zip(_per_image(tapped.output), _per_image(logits), strict=True)
        for place, pair in zip(places, pairs, strict=True):
            rows[place] = pair
    return [torch.stack(x).cpu() for x in zip(*rows, strict=True)]


def _warn_not_finite(feature: Tensor) -> None:
    lost = len(feature) - int(feature.isfinite().all(1).sum())
    if lost:
        print_log(
            f"The features of {lost} of {len(feature)} images are NaN or infinite, because weights "
            "or activations of the network have overflowed. Use an earlier checkpoint, or train "
            "with a lower learning rate.",
            "current",
            logging.WARNING,
        )


def collate_images(batch: Sequence[dict]) -> Tensor | list[Tensor]:
    """Collate the images of ``PackViews`` or ``PackEval`` samples; stack them if sizes agree.

    Returns:
        ``(B, 3, H, W)`` uint8, or a list of ``(3, H, W)``.
    """
    images = []
    for item in batch:
        inputs = item["inputs"]
        if not isinstance(inputs, Tensor):
            inputs = inputs[LABELED if LABELED in inputs else WEAK]
        images.append(inputs)
    return torch.stack(images) if len({image.shape for image in images}) == 1 else images


def _per_image(maps: Tensor) -> Tensor:
    """Average ``(B, C, h, w)`` of any type over positions to ``(B, C)`` float32."""
    return maps.float().flatten(2).mean(2)
