# SPDX-License-Identifier: Apache-2.0
"""Export of a trained network to a folder that mmseg opens without this package."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.apis import inference_model, init_model
from torch import nn

from rankseg.export.plain_source import modules_of, plain_model, plain_source
from rankseg.export.released import save_checkpoint
from rankseg.inference.load import Trained, load_trained, logits_of, value_range_of
from rankseg.models.backbones import TimmTrunk
from rankseg.models.segmentors.ensemble import MeanSegmentor
from rankseg.registry import MODELS
from rankseg.training.config_source import check_path, write_config
from rankseg.training.validation import is_image_level
from rankseg.utils.atomic_file import write_text
from rankseg.utils.atomic_folder import atomic_folder, refuse_full

CONFIG, WEIGHTS = "config.py", "weights.pth"
TOLERANCE = 1e-4
CHECKED_SIZES = ((97, 130), (64, 51))
READERS = {"LoadSample", "PackEval"}
HEADER = '''"""{title}

from mmseg.apis import inference_model, init_model
model = init_model("{config}", "{weights}", device="cpu")
result = inference_model(model, "image.png")  # result.pred_sem_seg.data, result.seg_logits.data
"""

'''
IMPORTS = """import os
import sys

here = sys._getframe().f_code.co_filename  # this file: the modules named below are beside it
sys.path.insert(0, os.path.dirname(os.path.abspath(here)))
del here
custom_imports = dict(imports={names!r}, allow_failed_imports=False)

"""


def to_mmseg(
    cfg: Config, checkpoint: str, out: str | Path, *, network: str | None = None
) -> dict[str, Any]:
    """Write a config, a checkpoint and the source of the classes that mmseg lacks.

    The export is written to a temporary folder first. It is opened with mmseg's ``init_model``, and
    its logits for a random image are compared with those of this package. Only then is the folder
    renamed to ``out``, so a failure leaves nothing behind.

    Args:
        cfg: Config from :func:`rankseg.apis.load_config`.
        checkpoint: Checkpoint file of a method or of a plain segmentor.
        out: Output folder, which must be empty or not exist.
        network: ``"student"`` or ``"teacher"``. Default: the network used for prediction.

    Returns:
        ``files`` (names), ``network``, ``replaced_losses``, ``difference`` (largest difference of a
        logit), ``classes`` (their number) and ``value_range``, the range of 16-bit images, which
        mmseg does not scale.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If the checkpoint does not match, mmseg has no such model, or the folder is not
            empty.
        WriteError: If the folder cannot be written.
    """
    out = Path(out)
    refuse_full(out)
    check_plain(cfg)
    trained = load_trained(cfg, checkpoint, network)
    if isinstance(trained.network, MeanSegmentor):
        raise ValueError(
            "Expected one network, but got model.average=True, which averages two students and is "
            "not possible in mmseg. Export the first one with --cfg-options model.average=False, "
            "or use tools/export_onnx.py."
        )
    student = Config(dict(student=cfg.model.student)).student
    model, replaced = plain_model(student)
    sources = {name: plain_source(module) for name, module in modules_of(model).items()}
    check_path(Path(cfg.config_file).name, "the config")
    title = f"{Path(cfg.config_file).stem}: the {trained.name} of a {cfg.model.type} run."
    with atomic_folder(out) as partial:
        text = config_text(model, trained, list(sources), title)
        write_config(partial / CONFIG, text)
        for name, source in sources.items():
            write_text(partial / f"{name}.py", source)
        meta = {"dataset_meta": {"classes": trained.classes, "palette": trained.palette}}
        content = {"meta": meta, "state_dict": dict(trained.network.state_dict())}
        save_checkpoint(content, partial / WEIGHTS)
        difference = compare(trained, partial)
        files = sorted(path.name for path in partial.iterdir() if path.is_file())
    return {
        "files": files,
        "network": trained.name,
        "replaced_losses": replaced,
        "difference": difference,
        "classes": len(trained.classes),
        "value_range": value_range_of(cfg),
    }


def check_plain(cfg: Config) -> None:
    """Check that mmseg supports the config, before anything is loaded."""
    if is_image_level(cfg):
        raise ValueError(
            "Expected a segmentation config, but got a classifier of whole images, which mmseg "
            "does not have. Use tools/export_onnx.py."
        )
    if MODELS.get(cfg.model.student.backbone.type) is TimmTrunk:
        raise ValueError(
            "Expected a backbone that mmseg can build alone, but got TimmTrunk, which needs timm "
            "and this package to cut the padding of images. Use tools/export_onnx.py, or load the "
            "checkpoint with rankseg."
        )
    pipeline = cfg.test_dataloader.dataset.pipeline if cfg.get("test_dataloader") else []
    others = [step["type"] for step in pipeline if step["type"] not in READERS]
    if others:
        raise ValueError(
            f"Expected only {' and '.join(sorted(READERS))} in test_dataloader.dataset.pipeline, "
            f"but got {', '.join(others)}, which mmseg would not apply. Remove them."
        )


def config_text(model: dict, trained: Trained, imports: list[str], title: str) -> str:
    """Return the exported config: model, preprocessing, and ``inference_model`` pipeline."""
    model = dict(model, pretrained=None, train_cfg=None)
    test_cfg = model.get("test_cfg") or {"mode": "whole"}
    ours = ("windows_at_once", "evaluation")
    model["test_cfg"] = {k: v for k, v in test_cfg.items() if k not in ours}
    model["data_preprocessor"] = dict(
        type="SegDataPreProcessor",
        mean=trained.mean,
        std=trained.std,
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
    )
    body = Config(
        dict(
            default_scope="mmseg",
            model=model,
            test_pipeline=[
                dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
                dict(type="PackSegInputs"),
            ],
        )
    ).pretty_text
    header = HEADER.format(title=title, config=CONFIG, weights=WEIGHTS)
    return header + (IMPORTS.format(names=imports) if imports else "") + body


@contextmanager
def as_mmseg() -> Iterator[None]:
    """Use mmseg's default scope, and suppress what mmseg prints."""
    with DefaultScope.overwrite_default_scope("mmseg"), redirect_stdout(io.StringIO()):
        yield


def open_plain(folder: Path) -> nn.Module:
    """Open a folder as mmseg does and return the segmentor; ``sys.path`` is restored."""
    path = list(sys.path)
    try:
        with as_mmseg():
            return init_model(str(folder / CONFIG), str(folder / WEIGHTS), device="cpu")
    finally:
        sys.path[:] = path


@torch.no_grad()
def compare(trained: Trained, folder: Path) -> float:
    """Return the largest logit difference between this package and the model opened by mmseg.

    Raises:
        ValueError: If the difference exceeds ``TOLERANCE``.
    """
    theirs = open_plain(folder)
    difference = 0.0
    for height, width in CHECKED_SIZES:
        chance = torch.Generator().manual_seed(height)
        image = torch.randint(0, 256, (3, height, width), generator=chance, dtype=torch.uint8)
        ours = logits_of(trained, image[None], windows=True)[0]
        bgr = image.flip(0).permute(1, 2, 0).contiguous().numpy()
        with as_mmseg():
            logits = inference_model(theirs, bgr).seg_logits.data
        difference = max(difference, (logits - ours).abs().max().item())
    if not difference <= TOLERANCE:
        raise ValueError(
            f"Expected mmseg's logits to differ from ours by at most {TOLERANCE}, but got "
            f"{difference:.2g}. Nothing was written. Please report this with the config."
        )
    return difference
