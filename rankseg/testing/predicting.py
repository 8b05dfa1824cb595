# SPDX-License-Identifier: Apache-2.0
"""Config, checkpoint and images for tests of prediction, without training."""

import csv
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.registry import init_default_scope

from rankseg.apis import load_config
from rankseg.inference.writer import Outputs
from rankseg.registry import MODELS
from rankseg.testing.toy_run import CLASSES, write_config

PALETTE = [[0, 0, 0], [0, 200, 0], [200, 0, 0]]
EVERYTHING = Outputs(probabilities=True, uncertainty=True)


def saved(folder: Path, method: str = "rankmatch", **meta) -> tuple[Path, Path]:
    """Write a config and a checkpoint of random weights, different for teacher and student."""
    config = write_config(folder / f"{method}.py", method, folder / "no data")
    cfg = load_config(str(config))
    init_default_scope("rankseg")
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    for name in ("student", "teacher")[: 1 + (model.teacher is not None)]:
        _make_lively(model.network(name))
    path = folder / f"{method}.pth"
    noted = {"dataset_meta": {"classes": CLASSES, "palette": PALETTE, **meta}}
    torch.save({"meta": noted, "state_dict": model.state_dict()}, path)
    return config, path


@torch.no_grad()
def _make_lively(network: torch.nn.Module) -> None:
    """Draw random weights with which every class is predicted somewhere."""
    images = torch.stack([torch.from_numpy(picture(seed=i)) for i in range(4)]).permute(0, 3, 1, 2)
    images = (images - 90.0) / 60
    head = network.decode_head.conv_seg
    torch.nn.init.normal_(head.weight)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()(images)
    head.bias -= network.eval()(images).mean((0, 2, 3))


def picture(height: int = 40, width: int = 48, seed: int = 0) -> np.ndarray:
    """Draw a ``(H, W, 3)`` uint8 picture with squares of 8 pixels."""
    shape = (-(-height // 8), -(-width // 8), 3)
    squares = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return squares.repeat(8, 0).repeat(8, 1)[:height, :width]


def write_images(folder: Path) -> Path:
    """Write images of three sizes and several formats, a subfolder, and other files."""
    (folder / "more").mkdir(parents=True)
    cv2.imwrite(str(folder / "a2.png"), picture())
    cv2.imwrite(str(folder / "a10.png"), picture(seed=1))
    cv2.imwrite(str(folder / "b.jpg"), picture(33, 50))
    cv2.imwrite(str(folder / "more/gray.png"), picture()[..., 0])
    cv2.imwrite(str(folder / "more/deep.tif"), picture(20, 20)[..., 0].astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "more/alpha.png"), np.dstack([picture(), picture()[..., 0]]))
    (folder / "notes.txt").write_text("no image")
    (folder / ".a2.png").write_text("no image either")
    return folder


def read_table(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))


def read_files(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder by their relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
