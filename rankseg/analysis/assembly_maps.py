# SPDX-License-Identifier: Apache-2.0
"""Picture of the effect of a spatial assembly network on images."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from rankseg.analysis.inputs import ImageFiles, check_positive, load_segmentor
from rankseg.datasets.checks import evenly_spaced
from rankseg.engine.pictures import write_picture
from rankseg.models.layers import SpatialAssembly, assemble
from rankseg.models.losses import assembly_entropy
from rankseg.models.methods import Method
from rankseg.registry import DATASETS
from rankseg.visualization.assembly import Assembly, draw_assemblies


def assembly_maps(
    cfg: Config,
    checkpoint: str,
    inputs: Sequence[str | Path] = (),
    *,
    out: str | Path,
    images: int = 6,
    points: int = 4,
    network: str | None = None,
) -> Path:
    """Write one picture with a row for each image, and print statistics of the weights.

    If a network has several assemblies, the first one is shown. The options are those of
    ``tools/assembly_maps.py``.
    """
    check_positive(images=images, points=points)
    method, segmentor = load_segmentor(cfg, checkpoint, network)
    assembly = find_assembly(segmentor)
    shown = []
    for name, pixels in _images(cfg, inputs, images):
        weights = weights_of(method, segmentor, assembly, pixels)
        print(f"{name}: {describe(weights)}")
        shown.append(_picture(pixels, weights, assembly.grid))
    write_picture(out, draw_assemblies(shown, assembly.grid, points))
    return Path(out)


def find_assembly(segmentor: nn.Module) -> SpatialAssembly:
    """Return the first spatial assembly of a network."""
    for module in getattr(segmentor, "inserted", ()):
        if isinstance(module, SpatialAssembly):
            return module
    raise ValueError(
        "Expected model.student.type='ExtendedSegmentor' with a SpatialAssembly in "
        "model.student.insert, as in configs/san, but the student of this config has none."
    )


def _images(cfg: Config, inputs: Sequence[str | Path], number: int) -> Iterator[tuple[str, Tensor]]:
    """Yield names and pixels ``(3, H, W)`` uint8 of images after the validation pipeline."""
    config = cfg.val_dataloader.dataset
    dataset = ImageFiles(inputs, config.pipeline) if inputs else DATASETS.build(config)
    for index in evenly_spaced(len(dataset), number):
        item = dataset[index]
        yield Path(item["data_samples"].img_path).name, item["inputs"]


@torch.no_grad()
def weights_of(
    method: Method, segmentor: nn.Module, assembly: SpatialAssembly, image: Tensor
) -> Tensor:
    """Return the logarithms of the assembly weights, ``(1, N, N)``, of a uint8 image."""
    maps: list[Tensor] = []
    handle = assembly.register_forward_pre_hook(lambda module, inputs: maps.append(inputs[0]))
    try:
        segmentor.extract_feat(method.data_preprocessor({"inputs": [image]})["inputs"])
    finally:
        handle.remove()
    return assembly.weights(assembly.points(assembly.fill(maps[0]))).cpu()


def describe(log_weights: Tensor) -> str:
    """Describe how much weight stays, and how local and how well normalized the weights are."""
    weights = log_weights.exp()
    points = weights.shape[1]
    stay = weights.diagonal(dim1=1, dim2=2).mean().item()
    bits = assembly_entropy(log_weights).item() / 2 / points
    error = (weights.sum(2) - 1).abs().max().item()
    return (
        f"{100 * stay:.0f}% of the weight stays in place, entropy {bits:.2f} of "
        f"{np.log2(points):.2f} bits, sums of rows within {error:.2g} of 1"
    )


def _picture(pixels: Tensor, log_weights: Tensor, grid: tuple[int, int]) -> Assembly:
    """Return an image and the image with its blocks moved like those of the feature map."""
    height, width = pixels.shape[1:]
    down, right = -height % grid[0], -width % grid[1]
    image = nn.functional.pad(pixels[None].float(), (0, right, 0, down), mode="replicate")
    moved = assemble(image, log_weights.exp(), grid)[0, :, :height, :width]
    moved = moved.round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    image = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    return Assembly(image, np.ascontiguousarray(moved), log_weights[0].exp().numpy())
