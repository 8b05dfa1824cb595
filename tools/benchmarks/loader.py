#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Benchmark images per second and core: weak and two strong crops, against a PIL-style pipeline.

Ours is the unlabeled pipeline of the VOC configs: it decodes JPEGs with OpenCV, resamples only the
crop, and leaves uint8 for the device to normalize. The PIL-style pipeline follows the published
code of this field: it decodes with Pillow, resizes the whole image, pads, crops, recolors with
Pillow, and normalizes to floats on the CPU. Decoding alone is the limit of both. A validation image
is read with its mask and is neither cropped nor recolored.

Speeds are those of one core: images per second of processor time, which other programs affect less.

With --workers, the benchmark also measures batches of our pipeline that come from data loader
workers, next to what a training step of --step milliseconds consumes. More workers than free cores
do not show what they would give on a larger machine.

python tools/benchmarks/loader.py                          # generated 500x375 JPEGs, crop 321
python tools/benchmarks/loader.py --images data/VOCdevkit/VOC2012/JPEGImages --count 200
python tools/benchmarks/loader.py --workers 1 2 --count 240 --step 45 --batch 8
"""

import rankseg  # noqa: F401, before torch, whose threads then sleep while they wait

# isort: split
import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rankseg.datasets.samplers.collate import collate_views
from rankseg.demo.scene import noise
from rankseg.structures import WEAK
from rankseg.testing.benchmark import (
    add_common_arguments,
    compare,
    machine,
    table,
    write_report,
)
from rankseg.training.command_line import exit_on_user_error
from rankseg.training.config import load_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
OURS, PLAIN, VALIDATION = "ours", "PIL-style", "ours, validation"
DECODE, PIL_DECODE = "decoding alone, OpenCV", "decoding alone, Pillow"
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=Path, help="folder of JPEG files (default: generated images)"
    )
    parser.add_argument(
        "--count", type=int, default=60, help="images per run (default: %(default)s)"
    )
    parser.add_argument(
        "--crop", type=int, default=321, help="side of the crop (default: %(default)s)"
    )
    parser.add_argument(
        "--width", type=int, default=500, help="width of generated images (default: %(default)s)"
    )
    parser.add_argument(
        "--height", type=int, default=375, help="height of generated images (default: %(default)s)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        nargs="*",
        default=[],
        help="numbers of data loader workers to measure (default: none)",
    )
    parser.add_argument(
        "--batch",
        type=int,
        default=8,
        help="unlabeled images of a training step (default: %(default)s)",
    )
    parser.add_argument(
        "--step",
        type=float,
        help="milliseconds of a training step, to compare the workers with (default: none)",
    )
    add_common_arguments(parser, "loader.json")
    args = parser.parse_args(argv)
    if args.batch < 1 or args.count < args.batch or any(number < 1 for number in args.workers):
        parser.error("Expected 1 <= --batch <= --count and --workers of 1 or more. Change them.")
    return args


def make_images(folder: Path, args: argparse.Namespace) -> list[str]:
    """Write photo-like JPEGs: blobs and detail of all sizes, about 2 bits per pixel."""
    rng = np.random.default_rng(args.seed)
    for i in range(args.count):
        image = np.stack(
            [noise(rng, args.height, args.width, cell=150, octaves=8) for _ in range(3)], 2
        )
        image = np.clip(128 + 90 * image, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{i:04}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return list_images(folder, args.count)


def list_images(folder: Path, count: int) -> list[str]:
    """Return the first JPEGs of a folder.

    Raises:
        ValueError: If there are none.
    """
    found = [str(path) for path in islice(sorted(folder.glob("*.jpg")), count)]
    if not found:
        raise ValueError(
            f"Expected *.jpg files in --images {folder}, but found none. Choose another folder."
        )
    return found


def make_masks(folder: Path, paths: list[str]) -> list[str]:
    """Write a mask of a few large regions for each image."""
    masks = []
    for path in paths:
        height, width = cv2.imread(path).shape[:2]
        cells = np.random.default_rng(len(masks)).integers(0, 21, (4, 5)).astype(np.uint8)
        mask = cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)
        masks.append(str(folder / f"{len(masks):04}.png"))
        cv2.imwrite(masks[-1], mask)
    return masks


def validate(pipeline: Compose, paths: list[str], masks: list[str]) -> list[dict]:
    """Run all images and masks through our validation pipeline."""
    samples = [
        dict(img_path=path, seg_map_path=mask) for path, mask in zip(paths, masks, strict=True)
    ]
    return [pipeline(sample) for sample in samples]


def on_one_core(work: Callable[[], object], spent: list[float]) -> Callable[[], None]:
    """Return a function that runs another one and notes its seconds of processor time."""

    def run() -> None:
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)

    return run


def ours(pipeline: Compose, paths: list[str]) -> list[dict]:
    """Run all images through our pipeline."""
    return [pipeline(dict(img_path=path, seed=(0, 0, index))) for index, path in enumerate(paths)]


class Views(Dataset):
    """Our pipeline as a data set of views."""

    def __init__(self, pipeline: Compose, paths: list[str]) -> None:
        self.pipeline, self.paths = pipeline, paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        return self.pipeline(dict(img_path=self.paths[index], seed=(0, 0, index)))


def with_workers(data: Views, batch: int, number: int) -> Callable[[], int]:
    """Return a function that takes all batches from a loader, whose workers live on."""
    loader = DataLoader(
        data,
        batch,
        num_workers=number,
        persistent_workers=True,
        collate_fn=collate_views,
        worker_init_fn=lambda _: cv2.setNumThreads(1),
        multiprocessing_context="fork" if hasattr(os, "fork") else None,
    )
    return lambda: sum(len(views["inputs"][WEAK]) for views in loader)


def print_workers(speed: dict[str, float], args: argparse.Namespace) -> None:
    """Print the throughput of workers as a share of what training steps consume."""
    for number in args.workers:
        found = speed[workers_case(number)]
        line = f"  {workers_case(number)}: {found:.0f} unlabeled images/s"
        if args.step:
            need = 1000 * args.batch / args.step
            line += f", {100 * found / need:.0f}% of the {need:.0f} that the steps consume"
        print(line)


def workers_case(number: int) -> str:
    """Return the name of the case with some number of workers."""
    return f"ours, {number} worker{'s' if number > 1 else ''}"


def recolor(image: Image.Image, rng: random.Random) -> Image.Image:
    """Apply the strong augmentation with Pillow: jitter, gray, blur."""
    if rng.random() < 0.8:
        steps = [
            lambda one: ImageEnhance.Brightness(one).enhance(rng.uniform(0.5, 1.5)),
            lambda one: ImageEnhance.Contrast(one).enhance(rng.uniform(0.5, 1.5)),
            lambda one: ImageEnhance.Color(one).enhance(rng.uniform(0.5, 1.5)),
            partial(turn_hue, shift=rng.uniform(-0.25, 0.25)),
        ]
        rng.shuffle(steps)
        for step in steps:
            image = step(image)
    if rng.random() < 0.2:
        image = image.convert("L").convert("RGB")
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 2.0)))
    return image


def turn_hue(image: Image.Image, shift: float) -> Image.Image:
    """Shift the hue by a share of the color circle."""
    hue, saturation, value = image.convert("HSV").split()
    turned = np.array(hue) + np.uint8(round(shift * 255) % 256)
    return Image.merge("HSV", (Image.fromarray(turned, "L"), saturation, value)).convert("RGB")


def to_floats(image: Image.Image) -> Tensor:
    """Return normalized ``(3, h, w)`` floats."""
    scaled = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
    return scaled.sub_(torch.from_numpy(MEAN)[:, None, None]).div_(
        torch.from_numpy(STD)[:, None, None]
    )


def plain(paths: list[str], crop: int, seed: int) -> list[list[Tensor]]:
    """Run all images through a PIL-style pipeline: weak and two strong views, valid map."""
    made = []
    for index, path in enumerate(paths):
        rng = random.Random(seed + index)
        image = Image.open(path).convert("RGB")
        width, height = image.size
        long_side = rng.randint(int(max(width, height) * 0.5), int(max(width, height) * 2.0))
        scale = long_side / max(width, height)
        width, height = int(width * scale + 0.5), int(height * scale + 0.5)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        ignore = Image.new("L", (width, height))
        right, below = max(crop - width, 0), max(crop - height, 0)
        if right or below:
            image = ImageOps.expand(image, border=(0, 0, right, below), fill=0)
            ignore = ImageOps.expand(ignore, border=(0, 0, right, below), fill=255)
        x, y = rng.randint(0, image.width - crop), rng.randint(0, image.height - crop)
        image = image.crop((x, y, x + crop, y + crop))
        ignore = ignore.crop((x, y, x + crop, y + crop))
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            ignore = ignore.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        views = [to_floats(one) for one in (image, recolor(image, rng), recolor(image, rng))]
        made.append([*views, torch.from_numpy(np.array(ignore)).long()])
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write the results."""
    args = parse_args(argv)
    torch.set_num_threads(args.threads or 1)
    cv2.setNumThreads(args.threads or 1)
    init_default_scope("rankseg")
    config = load_config(str(CONFIGS / "rankmatch" / "voc_92_mix_batch.py"))
    steps = config.train_dataloader.dataset.unlabeled_pipeline
    for step in steps:
        if "crop_size" in step:
            step.crop_size = args.crop
    with exit_on_user_error(), tempfile.TemporaryDirectory() as folder:
        if args.images is None:
            paths = make_images(Path(folder), args)
        else:
            paths = list_images(args.images, args.count)
        size = sum(Path(path).stat().st_size for path in paths) / len(paths) / 1024
        data = Views(Compose(steps), paths)
        whole = Compose(config.val_dataloader.dataset.pipeline)
        works = {
            OURS: partial(ours, data.pipeline, paths),
            PLAIN: partial(plain, paths, args.crop, args.seed),
            VALIDATION: partial(validate, whole, paths, make_masks(Path(folder), paths)),
            DECODE: lambda: [cv2.imread(path) is None for path in paths],
            PIL_DECODE: lambda: [Image.open(path).convert("RGB").size for path in paths],
        }
        spent = {name: [] for name in works}
        costs = compare(
            {name: on_one_core(work, spent[name]) for name, work in works.items()}
            | {
                workers_case(number): with_workers(data, args.batch, number)
                for number in args.workers
            },
            args.repeats,
            allocator=False,
        )
    speed = {name: len(paths) / cost.median for name, cost in costs.items()}
    core = {name: len(paths) / median(seconds[1:]) for name, seconds in spent.items()}
    print(table(costs))
    for name, images in speed.items():
        line = f"  {name:34} {images:9.1f} images/s"
        print(line + (f", {core[name]:9.1f} per core" if name in core else ""))
    times, share = core[OURS] / core[PLAIN], core[OURS] / core[DECODE]
    print(
        f"  ours: {times:.2f} times the PIL-style pipeline, {100 * share:.0f}% of decoding alone; "
        f"{len(paths)} files of {size:.0f} KiB"
    )
    print_workers(speed, args)
    report = {
        "settings": vars(args),
        "machine": machine(cv2, np),
        "kib_per_file": size,
        "cases": {name: cost.summary() for name, cost in costs.items()},
        "images_per_second": speed,
        "images_per_second_and_core": core,
        "times_faster": times,
        "share_of_decoding": share,
    }
    write_report(args.out, report)


if __name__ == "__main__":
    main()
