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

MARKED = ("background", "foreground")
LOOKED_AT = 8  # images decoded to find properties that no header gives


@dataclass
class Survey:
    """Valid images and masks, and their properties.

    Attributes:
        material: Files.
        plan: Meaning of the codes in the masks.
        pixels: ``(N, 256)`` int64, pixels by class id for each mask.
        labeled: Properties of the images with a mask.
        bare: Properties of the images without a mask.
        kinds: Number of masks by kind.
        faults: Sentences on skipped files.
        deep: Pixel values of the images of more than 8 bits, with and without a mask.
        channels: Selected bands.
    """

    material: InputFiles
    plan: MaskPlan
    pixels: np.ndarray
    labeled: list[ImageInfo]
    bare: list[ImageInfo]
    kinds: Counter
    faults: list[str]
    deep: ValueCounts = field(default_factory=ValueCounts)
    channels: Channels = None

    def ids(self, number: int) -> np.ndarray:
        """Return the ``(H, W)`` uint8 class ids of a mask."""
        return self.plan.ids(self.material.read(self.material.masks[number]))

    @property
    def value_range(self) -> tuple[int, int] | None:
        """Values that become black and white in all images of more than 8 bits."""
        return self.deep.range

    @property
    def gray(self) -> bool:
        """True if all images are gray, even if stored as RGB; checked on some of them."""
        if all(look.bands - look.alpha == 1 for look in self.labeled):
            return True
        images, how = self.material.images, (self.value_range, self.channels)
        some = (read_image(images[i], *how) for i in evenly_spaced(len(images), LOOKED_AT))
        return all((one == one[..., :1]).all() for one in some)

    def object_width(self) -> float | None:
        """Return the width in pixels of objects not of the first class, from some of the masks."""
        some = [self.ids(i) for i in evenly_spaced(len(self.pixels), LOOKED_AT)]
        return object_width(ids == k for ids in some for k in range(1, len(self.plan.classes)))

    def summary(self) -> str:
        """Return a summary with one fact per line."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.most_common())
        lines = [
            f"images with a mask     {len(self.labeled)}: {describe_images(self.labeled)}",
            f"masks                  {kinds}",
        ]
        if self.bare:
            lines.append(f"images without a mask  {len(self.bare)}: {describe_images(self.bare)}")
        return "\n".join(lines)

    def notes(self) -> list[str]:
        """Return sentences on unusual but valid findings."""
        looks = [*self.labeled, *self.bare]
        notes = [*self.material.notes, *self.plan.notes]
        files = [self.material.joined.get(mask, 1) for mask in self.material.masks]
        several = [count for count in files if count > 1]
        if several:
            notes.append(
                f"{len(several)} images have several masks, {sum(several)} files in all: joined, "
                "and written as class ids"
            )
        if self.material.marked:
            notes += self.material.marked.notes()
        if self.value_range:
            low, high = self.value_range
            notes.append(
                f"{self.deep.files} images of more than 8 bits: the values {low} to {high} become "
                "black to white in all of them (value_range in the config)"
            )
        bands = [(look.bands, bool(look.alpha)) for look in looks]
        notes += describe_bands(bands, self.channels, "--channels")
        turned = sum(look.orientation != UPRIGHT for look in looks)
        if turned:
            notes.append(
                f"{turned} images carry an EXIF orientation, which is not followed: their masks "
                "must be drawn on the pixels as they are stored"
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
        raise ValueError("--color names the marks that are foreground: leave --colors, --above out")
    all_of_it = find_inputs(images, masks, unlabeled, color)
    for given, source in (
        (names, "--classes"),
        (table and dict.fromkeys(table.values()), "--colors"),
        (all_of_it.classes, f"categories of {masks}"),
    ):
        if given:
            check_names(given, source)
    look, deep = FileValidator(full=True), ValueCounts()
    work = partial(inspect_image, counts=deep, channels=channels)
    masked = partial(work, decode=True)
    looks = _inspect_images(all_of_it.images, look, "images with a mask", masked)
    unmasked = partial(work, decode=False)
    bare = _inspect_images(all_of_it.bare, look, "images without a mask", unmasked)
    found = _inspect_masks(all_of_it, look)
    faults = _compare(all_of_it, looks, found)
    good = [i for i, one in enumerate(looks) if one and found[i]]
    faults = [*look.faults, *faults]
    if not good:
        raise ValueError(f"none of the {len(looks)} images with a mask can be used: {faults[0]}")
    material = replace(
        all_of_it,
        images=[all_of_it.images[i] for i in good],
        masks=[all_of_it.masks[i] for i in good],
        bare=[path for path, one in zip(all_of_it.bare, bare, strict=True) if one],
    )
    chosen = [found[i] for i in good]
    kinds = Counter(KINDS[one.kind] for one in chosen)
    if material.classes:
        _check_names(names, material.classes)
        kinds = Counter({"drawn from outlines": len(good)})
        plan = identity_plan(names or material.classes)
    elif material.marked:
        material.marked.check(material.masks, chosen)
        _check_names(names, MARKED)
        kinds = Counter({"marks on gray pictures": len(good)})
        plan = identity_plan(names or MARKED)
    else:
        by_file = dict(zip(map(Path, material.masks), chosen, strict=True))
        plan = make_plan(by_file, names, table, above)
        if material.joined.keys() & set(material.masks):
            plan = replace(plan, stay=False, rule=None)
    pixels = np.stack([plan.counts(one) for one in chosen])
    labeled = [looks[i] for i in good]
    unlabeled = [one for one in bare if one]
    found = Survey(material, plan, pixels, labeled, unlabeled, kinds, faults, deep, channels)
    return _declare_empty(found, empty_masks)


def _declare_empty(found: Survey, empty_masks: str | None) -> Survey:
    """Decide whether masks with only class 0 are labels, and add a note about it.

    Raises:
        ValueError: If no mask remains.
    """
    empty = (found.pixels[:, 1:IGNORE].sum(1) == 0).tolist()
    count, marked = sum(empty), found.material.marked is not None
    if not count or (empty_masks is None and len(found.plan.classes) != 2):
        return found
    material, name = found.material, found.plan.classes[0]
    notes = list(material.notes)
    if (empty_masks or (UNLABELED if marked else BACKGROUND)) == BACKGROUND:
        notes.append(
            f"{count} of {len(empty)} masks hold {name} alone and are labels of it: if nobody has "
            "labeled these images, give --empty-masks unlabeled"
        )
        return replace(found, material=replace(material, notes=notes))
    if count == len(empty):
        raise ValueError(f"all {count} masks hold {name} alone: expected objects in some of them")
    notes.append(
        f"{count} of {len(empty)} masks hold {name} alone and are not labels: if there are no "
        "objects in these images, give --empty-masks background"
    )
    kept = [i for i, one in enumerate(empty) if not one]
    left = [i for i, one in enumerate(empty) if one]
    material = replace(
        material,
        images=[material.images[i] for i in kept],
        masks=[material.masks[i] for i in kept],
        bare=[*material.bare, *(material.images[i] for i in left)],
        notes=notes,
    )
    return replace(
        found,
        material=material,
        pixels=found.pixels[kept],
        labeled=[found.labeled[i] for i in kept],
        bare=[*found.bare, *(found.labeled[i] for i in left)],
    )


def _inspect_images(
    paths: Sequence[Path], look: FileValidator, what: str, work: Callable[[Files], Found]
) -> list[ImageInfo | None]:
    found = look.each(work, [(str(path),) for path in paths], "", what)
    return [None if one is None else ImageInfo(*one) for one in found]


def _inspect_masks(material: InputFiles, look: FileValidator) -> list[MaskStats | None]:
    def work(files: Files) -> Found:
        return encode_stats(material.read(files[0]), files[0])

    found = look.each(work, [(mask,) for mask in material.masks], "", "masks")
    return [None if one is None else decode_stats(one) for one in found]


def _compare(
    material: InputFiles, looks: Sequence[ImageInfo | None], found: list[MaskStats | None]
) -> list[str]:
    """Compare sizes; set the entry in ``found`` to None if a mask and its image differ."""
    faults = []
    for i, (image, mask) in enumerate(zip(looks, found, strict=True)):
        if image and mask:
            try:
                check_same_size(material.masks[i], mask.size, material.images[i], image[:2])
            except ValueError as error:
                faults.append(str(error))
                found[i] = None
    return faults


def _check_names(names: Sequence[str] | None, categories: Sequence[str]) -> None:
    if names and len(names) != len(categories):
        raise ValueError(
            f"--classes names {len(names)} classes, and the masks are of {len(categories)}, "
            f"background among them ({', '.join(categories)}): name as many, or none"
        )


_WORDS = {(1, 0): "gray", (2, 1): "gray with transparency", (3, 0): "color",
          (4, 1): "color with transparency"}  # fmt: skip


def inspect_image(files: Files, decode: bool, counts: ValueCounts, channels: Channels) -> Found:
    """Read the properties of an image, for :class:`~rankseg.datasets.file_checks.FileValidator`.

    Args:
        files: Path of the image.
        decode: Decode all pixels even if the image has 8 bits.
        counts: Collects the pixel values if the image has more than 8 bits.
        channels: Selected bands.

    Returns:
        An :class:`~rankseg.imageio.reading.ImageInfo`.

    Raises:
        ValueError, OSError: Same as ``read_image_info``.
    """
    info = read_image_info(files[0], decode=False)
    if info.deep:
        counts.add([decode_image(files[0], channels)])
    elif decode:
        decode_image(files[0], channels)
    return list(info)


def describe_images(looks: Sequence[ImageInfo]) -> str:
    """Describe sizes, channels and bits in a line, such as ``512x512 pixels, gray, 8 bits``."""
    sizes = Counter((look.width, look.height) for look in looks)
    if len(sizes) == 1:
        size = "{}x{}".format(*next(iter(sizes)))
    else:
        low, high = (f(sizes, key=lambda one: one[0] * one[1]) for f in (min, max))
        size = "{}x{} to {}x{}".format(*low, *high)
    kinds = Counter((look.bands, look.alpha, look.bits) for look in looks)
    words = [
        f"{_WORDS.get((bands, alpha), f'{bands} bands')}, {bits} bit{'s' * (bits > 1)}"
        + (f" ({count})" if len(kinds) > 1 else "")
        for (bands, alpha, bits), count in kinds.most_common()
    ]
    return f"{size} pixels, {' and '.join(words)}"
