# SPDX-License-Identifier: Apache-2.0
"""Recommended settings of a first config for given images and hardware, each with a reason."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rankseg.imageio.shrinking import advised_shrink
from rankseg.projects.encoders import Encoder
from rankseg.projects.machine import Machine
from rankseg.projects.survey import Survey

WEIGHTS = "data/pretrained/resnet50_deepstem.pth"
CROPS = (65, 97, 129, 193, 257, 321)  # multiples of the stride 16, plus 1
PASSES = 80  # over the unlabeled images, as in the papers on PASCAL VOC
PRETRAINED_PASSES = 8  # the same for networks that start from pretrained weights
SMALLEST_SHARE = 1e-3  # of a class, for its weight in the loss
RARE_SHARE = 0.4  # times an equal share of all classes; without a rarer class, none is weighted
MANY_CLASSES = 5  # from here on, pseudo-labels are weighted, too
RARE = 0.2  # the classes other than the first are rare below this share of pixels
RARE_PRETRAINED = 0.1  # the same with class weights, which already favor rare classes
RARER = 0.03  # the same for microscopy: below this share, crops contain objects too seldom
WINDOW = 513
PHOTO_SCALES = (0.5, 2.0)  # range of scales for photographs, as in the papers
PRETRAINED_SCALES = (0.8, 1.4)  # the same for short training: fewer scales are learned sooner
CROPS_ACROSS = 1.5  # a crop shows about two thirds of the shorter side of a photograph
MOST_ACROSS = 2.0  # or about half of it, so that small objects are not shrunk
SMALL_OBJECT = 16  # pixels, the stride of the encoder: most objects should be no smaller
MICROSCOPY_SCALES = (0.8, 1.25)  # fixed magnification: see docs/results.md, "Mitochondria"
MIB = 2**20


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


PRETRAINED = NetworkPreset(
    "deeplabv3plus_lite0", "small_pretrained", 129, 4, (1600, 4000), "pretrained encoder"
)
PRETRAINED_GPU = replace(PRETRAINED, crop=321, batch=8, iterations=(2000, 8000))


@dataclass(frozen=True)
class StarterSettings:
    """Settings of a config.

    Attributes:
        network: Network, schedule, and matching settings.
        crop: Side of the training crops in pixels.
        iterations: Length of the run.
        validations: Number of validations.
        passes: Passes over the unlabeled images that the length aims at.
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
        encoder: Pretrained encoder, or None.
        class_weights: Weight of each class in the loss of the labeled images.
        unlabeled_class_weights: The same for soft pseudo-labels; empty for hard ones, which are
            not weighted.
    """

    network: NetworkPreset
    crop: int
    iterations: int
    validations: int
    passes: int
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
    encoder: Encoder | None = None
    class_weights: tuple[float, ...] = ()
    unlabeled_class_weights: tuple[float, ...] = ()

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
    encoder: Encoder | None = None,
    class_weights: tuple[float, ...] = (),
    unlabeled_class_weights: tuple[float, ...] = (),
    small_width: float | None = None,
) -> StarterSettings:
    """Choose the settings.

    Args:
        found: Survey of the images and masks.
        labeled: Number of images in the labeled list.
        unlabeled: Number of images in the unlabeled list.
        machine: Machine for training.
        object_width: See :class:`StarterSettings`.
        encoder: Pretrained encoder, or None for random weights.
        class_weights: See :class:`StarterSettings`.
        unlabeled_class_weights: See :class:`StarterSettings`.
        small_width: Median width of the objects in pixels, which limits how far photographs are
            shrunk. None if unknown.
    """
    network = _preset(machine, encoder)
    infos = [*found.labeled, *found.unlabeled]
    side = int(np.median([min(info.height, info.width) for info in infos]))
    crops = crop_sizes(encoder)
    crop = max([size for size in crops if size <= min(side, network.crop + 1)], default=crops[0])
    passes, unit = (PASSES, 500) if encoder is None else (PRETRAINED_PASSES, 100)
    fewest, most = network.iterations
    iterations = int(min(most, max(fewest, -(-passes * unlabeled / network.batch // unit) * unit)))
    counts = found.pixels[:, :255].sum(axis=0)
    foreground = float(counts[1:].sum() / max(1, counts.sum()))
    microscopy = object_width is not None
    rare = RARER if microscopy else RARE if encoder is None else RARE_PRETRAINED
    workers = min(8 if machine.gpu >= 4 else 2, machine.cores)
    largest = max(info.height * info.width for info in infos)
    cache_bytes = largest * (4 * labeled + 3 * unlabeled) * workers
    fits = cache_bytes < 0.2 * machine.memory * 1024 * MIB
    sizes = {}
    if microscopy:
        sizes = _microscopy_sizes(object_width, side, crop)
    elif encoder is not None:
        sizes = _photo_sizes(side, crop, small_width)
    pixels = largest / sizes.get("shrink", 1.0) ** 2
    return StarterSettings(
        network=network,
        crop=crop,
        iterations=iterations,
        validations=10 if encoder is None else 4,
        passes=passes,
        agents=num_agents_for(crop, 16 if encoder is None else encoder.strides[-1]),
        workers=workers,
        cache=(labeled, unlabeled) if fits else (0, 0),
        min_foreground=0.02 if foreground < rare else 0.0,
        foreground=foreground,
        value_range=found.value_range,
        channels=found.channels,
        window=crop if microscopy else WINDOW * (pixels > (16 if machine.gpu else 2) * MIB),
        encoder=encoder,
        class_weights=class_weights,
        unlabeled_class_weights=unlabeled_class_weights,
        **sizes,
    )


def _preset(machine: Machine, encoder: Encoder | None) -> NetworkPreset:
    """Choose the network by the machine."""
    if encoder is not None:
        return PRETRAINED_GPU if machine.gpu >= 4 else PRETRAINED
    if machine.gpu >= 12 and Path(WEIGHTS).is_file():
        return LARGE
    return MEDIUM if machine.gpu >= 4 else SMALL


def crop_sizes(encoder: Encoder | None) -> list[int]:
    """Return the possible sides of crops, in ascending order.

    A network of convolutions takes multiples of 16, plus 1. A transformer takes multiples of its
    patch size, so that no crop is padded.

    >>> crop_sizes(None)
    [65, 97, 129, 193, 257, 321]
    """
    if encoder is None or encoder.multiple == 1:
        return list(CROPS)
    step = encoder.multiple
    return sorted({max(1, round((size - 1) / step)) * step for size in CROPS})


def class_weights(pixels: np.ndarray, classes: int, power: float = 0.5) -> tuple[float, ...]:
    r"""Return weights of the classes in the loss, so that rare ones are not overlooked.

    .. math:: w_k = \max(s_k, 0.1\%)^{-p} / c

    Here ``s`` is the share of the class among the labeled pixels, ``p`` the power, and ``c`` makes
    the mean weight of a labeled pixel 1. If every class has at least 40% of an equal
    share (20% of the pixels with two classes), all weights are 1, because weighted objects grow
    from pseudo-label to pseudo-label.

    Args:
        pixels: ``(N, 256)`` pixels by class id for each mask of the labeled list.
        classes: Number of classes.
        power: ``p``, from 0 to 1.

    Raises:
        ValueError: If the power is out of range.
    """
    if not 0 <= power <= 1:
        raise ValueError(
            f"Expected the power of class weights to be from 0 (all pixels count equally) to 1 "
            f"(all classes do), but got {power}."
        )
    counts = pixels[:, :classes].sum(axis=0)
    share = counts / max(1, counts.sum())
    if share.min() >= RARE_SHARE / classes or not counts.any():
        return (1.0,) * classes
    weights = share.clip(SMALLEST_SHARE) ** -power
    return tuple(round(float(one), 3) for one in weights / (weights * share).sum())


def _photo_sizes(side: int, crop: int, width: float | None) -> dict:
    """Choose sizes such that a crop shows about two thirds of the shorter side of an image.

    It is half of that side, or what is between, if most objects would become too small.
    """
    shrink = round(2 * side / (CROPS_ACROSS * crop)) / 2
    if width is not None:
        least = round(2 * side / (MOST_ACROSS * crop)) / 2
        shrink = max(least, min(shrink, 2 * width // SMALL_OBJECT / 2))
    shrink = max(1.0, shrink)
    low, high = (round(factor / shrink, 3) for factor in PRETRAINED_SCALES)
    return {"scale": (low, high), "shrink": shrink}


def _microscopy_sizes(width: float, side: int, crop: int) -> dict:
    """Choose sizes such that a crop is several objects wide, and no wider than an image."""
    most = max(1.0, 2 * side // crop / 2)
    shrink = min(most, advised_shrink(width, crop))
    low, high = (round(factor / shrink, 3) for factor in MICROSCOPY_SCALES)
    return {"scale": (low, high), "shrink": shrink, "object_width": width}


def num_agents_for(crop: int, stride: int = 16) -> int:
    """Return the number of agents: an eighth of the positions, but at least 4 and at most 128."""
    positions = ((crop - 1) // stride + 1) ** 2
    return min(128, max(4, positions // 8))
