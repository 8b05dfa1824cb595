# SPDX-License-Identifier: Apache-2.0
"""Survey of the images and masks of a user."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from rankseg.datasets.checks import evenly_spaced
from rankseg.datasets.class_names import check_names
from rankseg.datasets.file_checks import Files, FileValidator, Found
from rankseg.imageio.bands import Channels, describe_bands
from rankseg.imageio.image_files import UPRIGHT
from rankseg.imageio.intensity import ValueCounts
from rankseg.imageio.masks import IGNORE, check_same_size
from rankseg.imageio.reading import ImageInfo, decode_image, read_image, read_image_info
from rankseg.imageio.shrinking import object_width
from rankseg.projects.input_files import InputFiles, find_inputs
from rankseg.projects.mask_decoding import KINDS, MaskStats, decode_stats, encode_stats
from rankseg.projects.mask_plan import MaskPlan, identity_plan, make_plan
from rankseg.projects.stack_masks import BACKGROUND, UNLABELED

MARK_CLASSES = ("background", "foreground")
NUM_DECODED = 8  # images decoded to find properties that no header gives

_BANDS = {(1, 0): "gray", (2, 1): "gray with transparency", (3, 0): "color",
          (4, 1): "color with transparency"}  # fmt: skip


@dataclass
class Survey:
    """Valid images and masks, and their properties.

    Attributes:
        files: Files.
        plan: Meaning of the codes in the masks.
        pixels: ``(N, 256)`` int64, pixels by class id for each mask.
        labeled: Properties of the images with a mask.
        unlabeled: Properties of the images without a mask.
        kinds: Number of masks by kind.
        faults: Sentences on skipped files.
        deep: Pixel values of the images of more than 8 bits, with and without a mask.
        channels: Selected bands.
    """

    files: InputFiles
    plan: MaskPlan
    pixels: np.ndarray
    labeled: list[ImageInfo]
    unlabeled: list[ImageInfo]
    kinds: Counter
    faults: list[str]
    deep: ValueCounts = field(default_factory=ValueCounts)
    channels: Channels = None

    def ids(self, number: int) -> np.ndarray:
        """Return the ``(H, W)`` uint8 class ids of a mask."""
        return self.plan.ids(self.files.read(self.files.masks[number]))

    @property
    def value_range(self) -> tuple[int, int] | None:
        """Values that become black and white in all images of more than 8 bits."""
        return self.deep.range

    @property
    def gray(self) -> bool:
        """True if all images are gray, even if stored as RGB; checked on some of them."""
        if all(info.bands - info.alpha == 1 for info in self.labeled):
            return True
        images = self.files.images
        some = (
            read_image(images[i], self.value_range, self.channels)
            for i in evenly_spaced(len(images), NUM_DECODED)
        )
        return all((image == image[..., :1]).all() for image in some)

    def object_width(self, per_object: bool = False) -> float | None:
        """Return the width in pixels of objects not of the first class, from some of the masks.

        Args:
            per_object: See :func:`~rankseg.imageio.shrinking.object_width`.
        """
        some = [self.ids(i) for i in evenly_spaced(len(self.pixels), NUM_DECODED)]
        classes = range(1, len(self.plan.classes))
        return object_width((ids == k for ids in some for k in classes), per_object)

    def summary(self) -> str:
        """Return a summary with one fact per line."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.most_common())
        lines = [
            f"images with a mask     {len(self.labeled)}: {describe_images(self.labeled)}",
            f"masks                  {kinds}",
        ]
        if self.unlabeled:
            text = describe_images(self.unlabeled)
            lines.append(f"images without a mask  {len(self.unlabeled)}: {text}")
        return "\n".join(lines)

    def notes(self) -> list[str]:
        """Return sentences on unusual but valid findings."""
        infos = [*self.labeled, *self.unlabeled]
        notes = [*self.files.notes, *self.plan.notes]
        merged = [self.files.merged[mask] for mask in self.files.masks if mask in self.files.merged]
        if merged:
            notes.append(
                f"{len(merged)} images have several masks, {sum(merged)} files in total: the masks "
                "of each image are merged and written as class ids"
            )
        if self.files.marks:
            notes += self.files.marks.notes()
        if self.value_range:
            low, high = self.value_range
            notes.append(
                f"{self.deep.files} images have more than 8 bits: the values {low} to {high} "
                "become black to white in all of them (value_range in the config)"
            )
        bands = [(info.bands, bool(info.alpha)) for info in infos]
        notes += describe_bands(bands, self.channels, "--channels")
        rotated = sum(info.orientation != UPRIGHT for info in infos)
        if rotated:
            notes.append(
                f"{rotated} images have an EXIF orientation, which is ignored: their masks must "
                "match the pixels as stored"
            )
        return notes


def survey(
    images: Path,
    masks: Path,
    unlabeled: Path | None = None,
    names: Sequence[str] | None = None,
    table: Mapping[int, str] | None = None,
    above: int | None = None,
    channels: Channels = None,
    color: tuple[int, int, int] | None = None,
    empty_masks: str | None = None,
) -> Survey:
    """Inspect every file, using threads and a progress bar.

    Args:
        images: Folder of images.
        masks: Folder of masks, or COCO file.
        unlabeled: Folder of additional images.
        names: Class names.
        table: See :func:`~rankseg.projects.mask_plan.make_plan`.
        above: See :func:`~rankseg.projects.mask_plan.make_plan`.
        channels: See :func:`~rankseg.imageio.bands.choose_bands`.
        color: Color of the foreground marks, if masks are marks on gray images.
        empty_masks: Meaning of masks that hold only class 0: ``"unlabeled"``, the default with
            ``color``, or ``"background"``.

    Raises:
        FileNotFoundError: If a folder is missing or empty.
        ValueError: If no image has a valid mask, or the meaning of the masks is ambiguous. Single
            invalid files are skipped and reported in ``faults``.
    """
    if color is not None and (table or above is not None):
        raise ValueError(
            "Expected --color without --colors and --above, as it already names the foreground. "
            "Leave the others out."
        )
    files = find_inputs(images, masks, unlabeled, color)
    for given, source in (
        (names, "--classes"),
        (table and dict.fromkeys(table.values()), "--colors"),
        (files.classes, f"categories of {masks}"),
    ):
        if given:
            check_names(given, source)
    validator, deep = FileValidator(full=True), ValueCounts()
    inspect = partial(_inspect_image, counts=deep, channels=channels)
    decode = partial(inspect, decode=True)
    infos = _inspect_images(files.images, validator, "images with a mask", decode)
    header = partial(inspect, decode=False)
    others = _inspect_images(files.unlabeled, validator, "images without a mask", header)
    stats = _inspect_masks(files, validator)
    faults = _compare_sizes(files, infos, stats)
    good = [i for i, info in enumerate(infos) if info and stats[i]]
    faults = [*validator.faults, *faults]
    if not good:
        raise ValueError(
            f"Expected an image with a mask that can be read, but none of the {len(infos)} can be "
            f"used. The first problem: {faults[0]}"
        )
    if deep.files and deep.range is None:
        raise ValueError(
            f"Expected the images of more than 8 bits to hold different values, but all pixels of "
            f"the {deep.files} images are equal. Check --images and --channels."
        )
    kept = [path for path, info in zip(files.unlabeled, others, strict=True) if info]
    files = _select(files, good, kept)
    chosen = [stats[i] for i in good]
    plan, kinds = _make_plan(files, chosen, names, table, above)
    pixels = np.stack([plan.counts(mask) for mask in chosen])
    labeled, rest = [infos[i] for i in good], [info for info in others if info]
    found = Survey(files, plan, pixels, labeled, rest, kinds, faults, deep, channels)
    return _declare_empty(found, empty_masks)


def _select(files: InputFiles, chosen: Sequence[int], unlabeled: list[Path]) -> InputFiles:
    """Return the files with only some of the images that have a mask."""
    return replace(
        files,
        images=[files.images[i] for i in chosen],
        masks=[files.masks[i] for i in chosen],
        unlabeled=unlabeled,
    )


def _make_plan(
    files: InputFiles,
    stats: list[MaskStats],
    names: Sequence[str] | None,
    table: Mapping[int, str] | None,
    above: int | None,
) -> tuple[MaskPlan, Counter]:
    """Return the meaning of the codes in the masks, and the number of masks by kind."""
    if files.marks:
        files.marks.check(files.masks, stats)
    if files.classes or files.marks:
        kind = "marks on gray images" if files.marks else "drawn from outlines"
        classes = files.classes or MARK_CLASSES
        if names and len(names) != len(classes):
            raise ValueError(
                f"Expected {len(classes)} names in --classes, for {', '.join(classes)}, but got "
                f"{len(names)}. Name as many, or leave --classes out."
            )
        return identity_plan(names or classes), Counter({kind: len(stats)})
    plan = make_plan(dict(zip(map(Path, files.masks), stats, strict=True)), names, table, above)
    if files.merged.keys() & set(files.masks):
        plan = replace(plan, readable=False, rule=None)
    return plan, Counter(KINDS[mask.kind] for mask in stats)


def _declare_empty(found: Survey, empty_masks: str | None) -> Survey:
    """Decide whether masks with only class 0 are labels, and add a note about it."""
    empty = (found.pixels[:, 1:IGNORE].sum(1) == 0).tolist()
    count = sum(empty)
    if not count or (empty_masks is None and len(found.plan.classes) != 2):
        return found
    files, text = found.files, f"{count} of {len(empty)} masks hold only {found.plan.classes[0]}"
    if (empty_masks or (UNLABELED if files.marks else BACKGROUND)) == BACKGROUND:
        note = f"{text} and are used as labels: if these images are not labeled, add --empty-masks "
        return replace(found, files=replace(files, notes=[*files.notes, f"{note}{UNLABELED}"]))
    if count == len(empty):
        raise ValueError(f"Expected objects in some masks, but {text}. Check --masks.")
    note = f"{text} and are not used as labels: if these images hold no objects, add --empty-masks "
    kept, left = ([i for i, one in enumerate(empty) if one == value] for value in (False, True))
    unlabeled = [*files.unlabeled, *(files.images[i] for i in left)]
    files = replace(_select(files, kept, unlabeled), notes=[*files.notes, f"{note}{BACKGROUND}"])
    return replace(
        found,
        files=files,
        pixels=found.pixels[kept],
        labeled=[found.labeled[i] for i in kept],
        unlabeled=[*found.unlabeled, *(found.labeled[i] for i in left)],
    )


def _inspect_image(files: Files, decode: bool, counts: ValueCounts, channels: Channels) -> Found:
    """Read the properties of an image, and count the pixel values if it has more than 8 bits."""
    info = read_image_info(files[0], decode=False)
    if info.deep:
        counts.add([decode_image(files[0], channels)])
    elif decode:
        decode_image(files[0], channels)
    return list(info)


def _inspect_images(
    paths: Sequence[Path], validator: FileValidator, what: str, work: Callable[[Files], Found]
) -> list[ImageInfo | None]:
    found = validator.run(work, [(str(path),) for path in paths], "", what)
    return [None if one is None else ImageInfo(*one) for one in found]


def _inspect_masks(files: InputFiles, validator: FileValidator) -> list[MaskStats | None]:
    def work(item: Files) -> Found:
        return encode_stats(files.read(item[0]), item[0])

    found = validator.run(work, [(mask,) for mask in files.masks], "", "masks")
    return [None if one is None else decode_stats(one) for one in found]


def _compare_sizes(
    files: InputFiles, infos: Sequence[ImageInfo | None], stats: list[MaskStats | None]
) -> list[str]:
    """Compare sizes; set the entry in ``stats`` to None if a mask and its image differ."""
    faults = []
    for i, (image, mask) in enumerate(zip(infos, stats, strict=True)):
        if image and mask:
            try:
                check_same_size(files.masks[i], mask.size, files.images[i], image[:2])
            except ValueError as error:
                faults.append(str(error))
                stats[i] = None
    return faults


def describe_images(infos: Sequence[ImageInfo]) -> str:
    """Describe sizes, channels and bits in a line, such as ``512x512 pixels, gray, 8 bits``."""
    sizes = Counter((info.width, info.height) for info in infos)
    ends = (pick(sizes, key=lambda size: size[0] * size[1]) for pick in (min, max))
    size = " to ".join(f"{width}x{height}" for width, height in dict.fromkeys(ends))
    kinds = Counter((info.bands, info.alpha, info.bits) for info in infos)
    words = [
        f"{_BANDS.get((bands, alpha), f'{bands} bands')}, {bits} bit{'s' * (bits > 1)}"
        + (f" ({count})" if len(kinds) > 1 else "")
        for (bands, alpha, bits), count in kinds.most_common()
    ]
    return f"{size} pixels, {' and '.join(words)}"
