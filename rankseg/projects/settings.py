# SPDX-License-Identifier: Apache-2.0
"""Recommended settings of a first config for given images and hardware, each with a reason."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rankseg.imageio.shrinking import advised_shrink
from rankseg.projects.survey import Survey

WEIGHTS = "data/pretrained/resnet50_deepstem.pth"
CROPS = (65, 97, 129, 193, 257, 321)  # multiples of the stride 16, plus 1
PASSES = 80  # over the unlabeled images, as in the papers on PASCAL VOC
RARE = 0.2  # the classes other than the first are rare below this share of pixels
RARER = 0.03  # the same for microscopy: below this share, crops contain objects too seldom
WINDOW = 513
PHOTO_SCALES = (0.5, 2.0)  # range of scales for photographs, as in the papers
MICROSCOPY_SCALES = (0.8, 1.25)  # fixed magnification: see docs/results.md, "Mitochondria"
MIB = 2**20


@dataclass(frozen=True)
class Machine:
    """CPU cores, memory and GPU of a machine.

    Attributes:
        cores: CPU cores available to this process.
        memory: Main memory in GiB.
        gpu: Memory of the first GPU in GiB; 0 without a GPU.
    """

    cores: int
    memory: float
    gpu: float = 0.0

    def __str__(self) -> str:
        text = f"{self.cores} CPU cores, {self.memory:.0f} GiB of memory"
        return f"a GPU with {self.gpu:.0f} GiB, {text}" if self.gpu else f"{text}, and no GPU"


def this_machine() -> Machine:
    """Return the properties of the current machine."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # only available on Linux
        cores = os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, AttributeError):
        memory = 8.0
    gpu = 0.0
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0).total_memory / 2**30
    return Machine(cores, memory, gpu)


@dataclass(frozen=True)
class NetworkPreset:
    """Network with matching settings.

    Attributes:
        base: Name in ``configs/_base_/models``.
        schedule: Name in ``configs/_base_/schedules``.
        crop: Largest crop in pixels.
        batch: Number of labeled images in a batch, and of unlabeled images.
        iterations: Smallest and largest number of iterations.
        why: Reason, for a comment.
    """

    base: str
    schedule: str
    crop: int
    batch: int
    iterations: tuple[int, int]
    why: str


SMALL = NetworkPreset(
    "deeplabv3plus_r18_half",
    "small",
    129,
    4,
    (3000, 6000),
    "small, random weights, as there is no GPU",
)
MEDIUM = NetworkPreset(
    "deeplabv3plus_r18", "small", 257, 8, (5000, 20_000), "medium size, random weights"
)
LARGE = NetworkPreset(
    "deeplabv3plus_r50", "voc", 321, 8, (10_000, 40_000), "that of the papers, ImageNet weights"
)


@dataclass(frozen=True)
class StarterSettings:
    """Settings of a config.

    Attributes:
        network: Network, schedule, and matching settings.
        crop: Side of the training crops in pixels.
        iterations: Length of the run.
        warmup: First iteration with unlabeled images.
        ramp: Number of iterations over which their weight then rises.
        agents: Number of agents of RankMatch.
        workers: Number of data loading processes.
        cache: Decoded images that each process keeps: labeled and unlabeled.
        min_foreground: Minimum share of a labeled crop that is not class 0; 0 if such pixels are
            common.
        foreground: Share of all pixels that are not class 0.
        value_range: Values that become black and white, for images of more than 8 bits.
        channels: Bands used as gray or red, green and blue, if selected.
        window: Side of the sliding windows for prediction on large images and all microscopy
            images; 0 for whole images.
        scale: Smallest and largest scale of training images, as a factor of their size.
        shrink: Factor by which images are downscaled.
        object_width: Width of objects in pixels, 0 if unknown; None except for microscopy.
    """

    network: NetworkPreset
    crop: int
    iterations: int
    warmup: int
    ramp: int
    agents: int
    workers: int
    cache: tuple[int, int]
    min_foreground: float
    foreground: float
    value_range: tuple[int, int] | None
    window: int
    channels: tuple[int, ...] | None = None
    scale: tuple[float, float] = PHOTO_SCALES
    shrink: float = 1.0
    object_width: float | None = None

    @property
    def microscopy(self) -> bool:
        """True if all images have the same magnification."""
        return self.object_width is not None

    @property
    def stride(self) -> tuple[int, int]:
        """Stride of the sliding windows: half a window for microscopy, else two thirds."""
        step = self.window // 2 if self.microscopy else self.window * 2 // 3
        return step, step


def choose_settings(
    found: Survey,
    labeled: int,
    unlabeled: int,
    machine: Machine,
    object_width: float | None = None,
) -> StarterSettings:
    """Choose the settings.

    Args:
        found: Survey of the images and masks.
        labeled: Number of images in the labeled list.
        unlabeled: Number of images in the unlabeled list.
        machine: Machine for training.
        object_width: See :class:`StarterSettings`.
    """
    network = SMALL
    if machine.gpu >= 12 and Path(WEIGHTS).is_file():
        network = LARGE
    elif machine.gpu >= 4:
        network = MEDIUM
    infos = [*found.labeled, *found.unlabeled]
    side = int(np.median([min(info.height, info.width) for info in infos]))
    crop = max([size for size in CROPS if size <= min(side, network.crop)], default=CROPS[0])
    fewest, most = network.iterations
    passes = PASSES * unlabeled / network.batch
    iterations = int(min(most, max(fewest, -(-passes // 500) * 500)))
    counts = found.pixels[:, :255].sum(axis=0)
    foreground = float(counts[1:].sum() / max(1, counts.sum()))
    rare = foreground < RARE
    microscopy = object_width is not None
    workers = min(2 if network is SMALL else 8, machine.cores)
    largest = max(info.height * info.width for info in infos)
    cache_bytes = largest * (4 * labeled + 3 * unlabeled) * workers
    fits = cache_bytes < 0.2 * machine.memory * 1024 * MIB
    return StarterSettings(
        network=network,
        crop=crop,
        iterations=iterations,
        warmup=iterations * (3 if rare else 2) // 10,
        ramp=iterations // 10,
        agents=num_agents_for(crop),
        workers=workers,
        cache=(labeled, unlabeled) if fits else (0, 0),
        min_foreground=0.02 if foreground < (RARER if microscopy else RARE) else 0.0,
        foreground=foreground,
        value_range=found.value_range,
        channels=found.channels,
        window=crop if microscopy else WINDOW * (largest > (16 if machine.gpu else 2) * MIB),
        **(_microscopy_sizes(object_width, side, crop) if microscopy else {}),
    )


def _microscopy_sizes(width: float, side: int, crop: int) -> dict:
    """Choose sizes such that a crop is several objects wide, and no wider than an image."""
    most = max(1.0, 2 * side // crop / 2)
    shrink = min(most, advised_shrink(width, crop))
    low, high = (round(factor / shrink, 3) for factor in MICROSCOPY_SCALES)
    return {"scale": (low, high), "shrink": shrink, "object_width": width}


def num_agents_for(crop: int) -> int:
    """Return the number of agents: 128 of 441 positions from 321 pixels on, else less than half."""
    positions = ((crop - 1) // 16 + 1) ** 2
    return max(number for number in (8, 16, 32, 64, 128) if number * 2 <= positions)
