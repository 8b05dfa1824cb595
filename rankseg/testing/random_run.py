# SPDX-License-Identifier: Apache-2.0
"""Config and checkpoint like those of a run, but with random weights and without training."""

from pathlib import Path
from typing import Any

import torch
from mmengine.registry import DefaultScope
from torch import nn

from rankseg.registry import MODELS
from rankseg.training.config import load_config

MEAN, STD = [120.0, 110.0, 100.0], [50.0, 60.0, 70.0]
CLASSES = ("sky", "sea", "land")
TEXT = """
default_scope = "rankseg"
model = {model!r}
val_dataloader = dict(
    dataset=dict(
        type="FolderDataset", classes={classes!r},
        pipeline=[dict(type="LoadSample"), dict(type="PackEval")],
    )
)
"""


def shake(model: nn.Module, seed: int = 0) -> nn.Module:
    """Set random weights and running statistics, different for all tensors, and set eval mode.

    Outputs are of order 1, as those of a trained network and unlike those of a new one.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not name.startswith("data_preprocessor."):
            scale = (2 / tensor[0].numel()) ** 0.5 if tensor.ndim > 1 else 0.5
            noise = torch.randn(tensor.shape, generator=generator) * scale
            tensor.copy_(noise.abs() + 0.5 if "running_var" in name else noise)
    return model.eval()


def random_run(folder: Path, student: dict, name: str = "toy", **model: Any) -> tuple[Path, Path]:
    """Write ``NAME.py`` and ``NAME.pth``; no data are needed to load them.

    A teacher, an option of the method, gets different weights.
    """
    preprocessor = dict(type="ViewPreprocessor", mean=MEAN, std=STD)
    model = dict(type="Supervised", data_preprocessor=preprocessor, student=student) | model
    config, checkpoint = folder / f"{name}.py", folder / f"{name}.pth"
    config.write_text(TEXT.format(model=model, classes=CLASSES))
    with DefaultScope.overwrite_default_scope("rankseg"):
        method = shake(MODELS.build(load_config(str(config)).model))
    torch.save({"state_dict": method.state_dict(), "meta": {}}, checkpoint)
    return config, checkpoint
