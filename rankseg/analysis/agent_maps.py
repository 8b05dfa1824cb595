# SPDX-License-Identifier: Apache-2.0
"""Pictures of the agents that RankMatch compares pixels with."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from rankseg.analysis.inputs import check_positive, load_segmentor
from rankseg.datasets.checks import evenly_spaced
from rankseg.engine.pictures import write_picture
from rankseg.imageio.listing import list_images
from rankseg.imageio.reading import read_image
from rankseg.inference.load import channels_of, value_range_of
from rankseg.models.heads.deeplabv3plus import stride, upsample
from rankseg.models.layers import FeatureTap
from rankseg.models.losses.agents import check_num_agents, orthogonal_agents
from rankseg.models.losses.rank_correlation import AGENT_SHARE, agent_correlation, count_agents
from rankseg.models.segmentors.student import default_tap
from rankseg.registry import DATASETS
from rankseg.training.validation import is_image_level
from rankseg.visualization.agent_maps import AgentMap, draw_agent_maps
from rankseg.visualization.overlay import color_map


def agent_maps(
    cfg: Config,
    checkpoint: str,
    inputs: Sequence[str | Path] = (),
    *,
    out: str | Path,
    images: int = 4,
    shown: int = 6,
    num_agents: int | None = None,
    tap: str | None = None,
    network: str | None = None,
    seed: int = 0,
) -> list[Path]:
    """Write a picture per image: its agents, ground truth, and similarity maps of some agents.

    Agents are selected as in training, on the features of the whole image. The maps are those of
    the agents that are nearest to the most pixels. The options are those of
    ``tools/agent_maps.py``.
    """
    if is_image_level(cfg):
        raise ValueError(
            "Expected a config of segmentation, because agents are pixels, but got "
            f"model.student.decode_head={cfg.model.student.decode_head.type}."
        )
    check_positive(images=images, shown=shown)
    method, segmentor = load_segmentor(cfg, checkpoint, network)
    tap = tap or cfg.model.get("feature_tap") or default_tap(segmentor)
    default = (cfg.model.get("rank") or {}).get("num_agents", AGENT_SHARE)
    written = []
    for name, image, truth in _samples(cfg, inputs, images):
        batch = method.data_preprocessor({"inputs": [torch.from_numpy(image).permute(2, 0, 1)]})
        feature = feature_map(segmentor, batch["inputs"], tap)
        cells = feature.shape[2:].numel()
        number = num_agents or min(count_agents(default, cells), cells)
        positions, strongest = maps_of(
            feature, number, image.shape[:2], segmentor.align_corners, seed, shown
        )
        file = Path(out) / f"{name}_agents.png"
        write_picture(file, draw_agent_maps(image, positions, strongest, truth))
        print(f"{file}: {number} agents on {feature.shape[2]} x {feature.shape[3]} positions")
        written.append(file)
    return written


def _samples(cfg: Config, inputs: Sequence[str | Path], images: int):
    """Yield name, pixels and colored ground truth (or None) of every image."""
    if inputs:
        pairs = [pair for place in inputs for pair in list_images(place)]
        for name, count in Counter(name for _, name in pairs).items():
            if count > 1:
                raise ValueError(
                    f"Expected images with different names, but got {count} named {name}, which "
                    f"would all be written to {name}_agents.png. Draw them into separate folders "
                    "with --out."
                )
        for path, name in pairs:
            yield name, read_image(path, value_range_of(cfg), channels_of(cfg)), None
        return
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    for index in evenly_spaced(len(dataset), images):
        item = dataset[index]
        sample = item["data_samples"]
        truth = color_map(sample.gt_sem_seg.data.squeeze(0).numpy(), dataset.metainfo["palette"])
        image = np.ascontiguousarray(item["inputs"].permute(1, 2, 0).numpy())
        yield Path(sample.img_path).stem, image, truth


@torch.no_grad()
def feature_map(segmentor: nn.Module, images: Tensor, tap: str) -> Tensor:
    """Return the output of a submodule of a segmentor for images, ``(B, C, h, w)`` float32."""
    with FeatureTap(segmentor, tap) as tapped:
        segmentor.decode_head(segmentor.extract_feat(images))
    return tapped.output.float()


def maps_of(
    feature: Tensor, number: int, size: tuple[int, int], align_corners: bool, seed: int, shown: int
) -> tuple[list[tuple[float, float]], list[AgentMap]]:
    """Select agents of one image and compute maps of the similarity to them.

    Returns:
        Positions of all agents in the order of selection, and the maps of the ``shown`` agents that
        are nearest to the most positions, in descending order. Maps of all agents of a large image
        would not fit into memory.
    """
    height, width = feature.shape[2:]
    check_num_agents(height * width, number)
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(height * width, (1,), generator=generator).to(feature.device)
    agents = orthogonal_agents(feature, number, first)
    activation = agent_correlation(feature, agents).softmax(-1)[0].T.view(1, -1, height, width)
    share = activation[0].flatten(1).argmax(0).bincount(minlength=number) / (height * width)
    positions = [
        tuple(
            min(cell * (stride(pixels, cells) or (pixels - 1) / (cells - 1)), pixels - 1)
            if align_corners
            else (cell + 0.5) * pixels / cells - 0.5
            for cell, pixels, cells in zip(divmod(place, width), size, (height, width), strict=True)
        )
        for place in agents[0].tolist()
    ]
    found = []
    for i in share.argsort(descending=True, stable=True)[:shown].tolist():
        large = upsample(activation[:, i : i + 1], size, align_corners)
        found.append(AgentMap(i + 1, positions[i], large[0, 0].cpu().numpy(), float(share[i])))
    return positions, found
