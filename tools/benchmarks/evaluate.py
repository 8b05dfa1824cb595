#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark validation time and memory against mmseg, with the same weights and images.

Both sides go from JPEG images and PNG masks in a folder to mIoU: one with mmseg's data set,
loading, preprocessor, segmentor and metric, the other with ours. The benchmark covers whole images,
and sliding windows over larger images. It also compares the mIoU of both sides.

python tools/benchmarks/evaluate.py                        # R-18, 500x375 whole, 1024x512 sliding
python tools/benchmarks/evaluate.py --parts slide --depth 50 --windows-at-once 8
"""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import argparse
import copy
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS as ALL_DATASETS
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.utils import register_all_modules
from torch import nn

from rankseg.demo.scene import noise
from rankseg.registry import DATASETS, METRICS, MODELS
from rankseg.testing.benchmark import (
    add_common_arguments,
    compare,
    machine,
    table,
    write_report,
)
from rankseg.training.config import load_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
CLASSES = tuple(f"class{k}" for k in range(21))
SIZES = {"whole": (375, 500), "slide": (512, 1024)}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=tuple(SIZES),
        default=list(SIZES),
        help="parts to measure (default: both)",
    )
    parser.add_argument(
        "--count", type=int, default=8, help="number of images (default: %(default)s)"
    )
    parser.add_argument(
        "--depth",
        type=int,
        default=18,
        choices=(18, 50, 101),
        help="depth of the ResNet (default: %(default)s)",
    )
    parser.add_argument(
        "--window",
        type=int,
        default=321,
        help="side of the windows of `slide` (default: %(default)s)",
    )
    parser.add_argument(
        "--windows-at-once",
        type=int,
        help="windows per forward pass (default: 4 on a GPU, 1 on a CPU)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="number of worker processes (default: %(default)s)"
    )
    add_common_arguments(parser, "evaluate.json", repeats=3)
    return parser.parse_args(argv)


def make_set(root: Path, size: tuple[int, int], args: argparse.Namespace) -> None:
    """Write images with blobs of 21 classes in the layout of a folder data set."""
    rng = np.random.default_rng(args.seed)
    for name in ("images", "masks", "splits"):
        (root / name).mkdir(parents=True)
    for i in range(args.count):
        fields = np.stack([noise(rng, *size, cell=120, octaves=5) for _ in range(3)], 2)
        image = np.clip(128 + 90 * fields, 0, 255).astype(np.uint8)
        mask = np.clip(10 + 10 * fields[..., 0], 0, 20).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{i}.jpg"), image)
        cv2.imwrite(str(root / "masks" / f"{i}.png"), mask)
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    lines = [f"images/{i}.jpg masks/{i}.png\n" for i in range(args.count)]
    (root / "splits" / "val.txt").write_text("".join(lines))


def validate(model: nn.Module, loader: dict, metric: dict) -> dict[str, float]:
    """Run the same steps as mmengine's validation loop."""
    loader = Runner.build_dataloader(copy.deepcopy(loader))
    evaluator = Evaluator(METRICS.build(dict(metric)))
    evaluator.dataset_meta = loader.dataset.metainfo
    with torch.no_grad():
        for batch in loader:
            evaluator.process(data_samples=model.val_step(batch), data_batch=batch)
    return evaluator.evaluate(len(loader.dataset))


def cases(part: str, root: Path, args: argparse.Namespace) -> dict[str, Callable]:
    """Return both ways to validate."""
    config = load_config(str(CONFIGS / "supervised" / "voc_92.py"))
    model = config.model
    model.pretrained = None
    model.student.backbone.depth = args.depth
    if args.depth == 18:
        head = model.student.decode_head
        width = model.student.backbone.get("base_channels", 64)
        head.in_channels, head.c1_in_channels = 8 * width, width
    if part == "slide":
        model.student.test_cfg = dict(
            mode="slide",
            crop_size=(args.window, args.window),
            stride=(args.window * 2 // 3, args.window * 2 // 3),
            windows_at_once=args.windows_at_once,
        )
    torch.manual_seed(args.seed)
    method = MODELS.build(model)
    method.init_weights()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    method.to(device).eval()
    theirs = copy.deepcopy(method.student)
    preprocessor = model.data_preprocessor
    theirs.data_preprocessor = MODELS.build(
        dict(
            type="mmseg.SegDataPreProcessor",
            mean=preprocessor.mean,
            std=preprocessor.std,
            bgr_to_rgb=True,
        )
    ).to(device)
    common = dict(
        batch_size=1,
        num_workers=args.workers,
        sampler=dict(type="DefaultSampler", shuffle=False),
    )
    own = dict(
        type="FolderDataset",
        data_root=str(root),
        ann_file="splits/val.txt",
        pipeline=[dict(type="LoadSample"), dict(type="PackEval")],
        test_mode=True,
    )
    plain = dict(
        type="mmseg.BaseSegDataset",
        data_root=str(root),
        data_prefix=dict(img_path="images", seg_map_path="masks"),
        metainfo=dict(classes=CLASSES, palette=[(k, k, k) for k in range(len(CLASSES))]),
        pipeline=[
            dict(type="mmseg.LoadImageFromFile"),
            dict(type="mmseg.LoadAnnotations"),
            dict(type="mmseg.PackSegInputs"),
        ],
        test_mode=True,
    )
    return {
        f"{part}, ours": partial(
            validate,
            method,
            dict(common, dataset=DATASETS.build(own)),
            dict(type="SegmentationMetric"),
        ),
        f"{part}, mmseg's own": partial(
            validate,
            theirs,
            dict(common, dataset=ALL_DATASETS.build(plain)),
            dict(type="mmseg.IoUMetric", iou_metrics=["mIoU", "mDice"]),
        ),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare, print and write the results."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    register_all_modules(init_default_scope=False)
    init_default_scope("rankseg")
    report = {"settings": vars(args), "machine": machine(), "parts": {}}
    for part in args.parts:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "set"
            make_set(root, SIZES[part], args)
            costs = compare(cases(part, root, args), args.repeats, allocator=False)
        ours, theirs = costs.values()
        numbers = {
            "time_over_mmseg": ours.median / theirs.median,
            "mIoU_ours": float(ours.result["mIoU"]),
            "mIoU_mmseg": float(theirs.result["mIoU"]),
        }
        report["parts"][part] = {
            "cases": {name: cost.summary() for name, cost in costs.items()},
            **numbers,
        }
        print(table(costs, unit=1.0))
        print("  " + ", ".join(f"{key} {value:.3g}" for key, value in numbers.items()))
    write_report(args.out, report)


if __name__ == "__main__":
    main()
