# SPDX-License-Identifier: Apache-2.0
"""Pictures of attention in pairs of views, and a measure of how well it moves with the image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import Tensor

from rankseg.analysis.inputs import ImageFiles, check_positive, load_network
from rankseg.datasets.checks import evenly_spaced
from rankseg.engine.pictures import write_picture
from rankseg.models.layers import FeatureTap
from rankseg.models.losses import attention_consistency
from rankseg.models.losses.attention_consistency import sample_mapped
from rankseg.registry import TRANSFORMS
from rankseg.structures import strong
from rankseg.training.test_set import build_test_set
from rankseg.utils.atomic_file import write_json
from rankseg.visualization.attention import AttentionPair, draw_attention


def attention_maps(
    cfg: Config,
    checkpoint: str,
    inputs: Sequence[str | Path] = (),
    *,
    out: str | Path,
    images: int = 6,
    count: int = 200,
    tap: str | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Draw pairs of views of images with their attention, and measure its consistency.

    Views are drawn as in training, but both views of a pair show the same image. The options are
    those of ``tools/attention_maps.py``.

    Returns:
        ``error``: mean squared difference of the maps at corresponding points, eq. 4.2;
        ``unmoved``: the same at identical positions, as if nothing had moved; ``correlation`` over
        all corresponding points; ``images``. They are also written to a ``.json`` file next to
        ``out``.

    Source: TAC-CCL (dissertation "Learning with few labels", chapter 4), figure 4.1 and eq. 4.2.
    """
    check_positive(images=images, count=count)
    method, _ = load_network(cfg, checkpoint)
    pipeline = [TRANSFORMS.build(dict(type="LoadImage")), pair_views(cfg)]
    tap = tap or getattr(method, "feature_tap", None) or "neck.spatial"
    test = ImageFiles(inputs, []) if inputs else build_test_set(cfg)
    drawn, sums, pairs = evenly_spaced(len(test), images), torch.zeros(2), []
    measured = sorted({*drawn, *evenly_spaced(len(test), count)})
    points: list[Tensor] = []
    for index in measured:
        results: dict[str, Any] = {**test.get_data_info(index), "seed": (seed, 0, index)}
        for step in pipeline:
            results = step.transform(results)
        views = results["img"], results[strong(1)]
        maps = attention_of(method, views, tap)
        homography = torch.from_numpy(results["homography"])[None]
        errors = [attention_consistency(*maps, h) for h in (homography, torch.eye(3)[None])]
        sums += torch.stack(errors)
        mapped, inside = sample_mapped(maps[1], homography, maps[0].shape[2:])
        points.append(torch.stack((maps[0][inside], mapped[inside])))
        if index in drawn:
            pairs.append(_pair(views, maps, homography))
    error, unmoved = (sums / len(measured)).tolist()
    values = {
        "images": len(measured),
        "error": error,
        "unmoved": unmoved,
        "correlation": torch.corrcoef(torch.cat(points, 1))[0, 1].item(),
    }
    write_picture(out, draw_attention(pairs))
    write_json(Path(out).with_suffix(".json"), values)
    return values


def pair_views(cfg: Config) -> Any:
    """Build the transform that draws the pairs of training views, without matches."""
    for step in cfg.train_dataloader.dataset.get("labeled_pipeline", ()):
        if step["type"] == "PairViews":
            return TRANSFORMS.build({**step, "matches": None})
    raise ValueError(
        "Expected train_dataloader.dataset.labeled_pipeline of the config to contain PairViews, "
        "but found none. Use a config with pairs and the same network, such as tac_ccl/X.py for a "
        "checkpoint of tac_ccl/X_ccl.py."
    )


@torch.no_grad()
def attention_of(method: Any, views: Sequence[np.ndarray], tap: str) -> tuple[Tensor, Tensor]:
    """Return attention maps ``(1, 1, h, w)`` float32 of two views, on the CPU."""
    inputs = [torch.from_numpy(view).permute(2, 0, 1) for view in views]
    images = method.data_preprocessor({"inputs": inputs})["inputs"]
    with FeatureTap(method.student, tap) as tapped:
        method.student.extract_feat(images)
    found = tapped.output.float().cpu()
    if found.shape[1] != 1:
        raise ValueError(
            f"Expected one attention map per image, but tap={tap!r} returns {found.shape[1]}. Use "
            "the output of a spatial attention, such as neck.spatial of neck=dict(type='CBAM')."
        )
    return found[:1], found[1:]


def _pair(
    views: tuple[np.ndarray, np.ndarray], maps: tuple[Tensor, Tensor], homography: Tensor
) -> AttentionPair:
    """Resize the maps to the size of the views."""
    size = views[0].shape[:2]
    large = [F.interpolate(one, size, mode="bilinear", align_corners=False) for one in maps]
    mapped, _ = sample_mapped(maps[1], homography, size)
    _, inside = sample_mapped(torch.zeros(1, 1, *size), homography, size)
    first, second, mapped, inside = (x[0, 0].numpy() for x in (*large, mapped, inside))
    return AttentionPair(views, (first, second), mapped, inside)
