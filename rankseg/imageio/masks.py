# SPDX-License-Identifier: Apache-2.0
"""Reader of mask files as class ids, and checks of their values."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from rankseg.errors import FileError
from rankseg.imageio.image_files import (
    CANNOT_READ,
    UPRIGHT,
    header_of,
    open_file,
    open_image,
    undecodable,
    unknown_kind,
)

IGNORE = 255
BINARY = "binary"

LabelRule = Mapping[int, int] | str | None

_SCALED_GRAY = {"L;2": 85, "L;4": 17}  # Pillow stretches 2- and 4-bit gray to 0..255


def read_mask(path: str | Path, rule: LabelRule = None) -> np.ndarray:
    """Read a mask as class ids.

    Palette files give their indices, never their colors. Gray files of 1, 2, 4, 8 and 16 bits give
    the stored values. 255 means "ignore". Orientation tags are ignored, as for images.

    Args:
        path: Path of a single-channel image file.
        rule: ``None`` keeps the values. ``'binary'`` is for two classes: 0 stays 0, and the only
            other value, 1 or 255, becomes 1. A mapping ``{value: class}`` replaces the values it
            names and keeps the others; it may map values to 255 to ignore their pixels.

    Returns:
        ``(H, W)`` uint8.

    Raises:
        FileNotFoundError: If the file does not exist.
        FileError: If the file cannot be decoded, holds colors instead of ids, holds values outside
            0..255, or does not match the rule.
        ValueError: If the rule does not exist.
    """
    values = read_values(path)
    if isinstance(rule, str):
        if rule != BINARY:
            raise ValueError(
                f"Expected label_rule to be None, '{BINARY}' or a mapping, but got '{rule}'."
            )
        return _to_binary(values, path)
    if rule:
        values = _replace(values, rule)
    if values.dtype != np.uint8:
        if values.size and (values.min() < 0 or values.max() > IGNORE):
            raise FileError(
                f"Expected mask {path} to hold class ids from 0 to 254 and 255 for ignore, but got "
                f"the values {format_values(np.unique(values))}. Map them with label_rule={{VALUE: "
                "CLASS, ...}."
            )
        values = values.astype(np.uint8)
    return values


def read_values(path: str | Path) -> np.ndarray:
    """Read the numbers stored in a mask file; arguments and errors as in :func:`read_mask`.

    Returns:
        ``(H, W)`` integers: gray values as stored, or palette indices.
    """
    with open_mask(path) as image:
        mode, scale, values = image.mode, _gray_scale(image), np.asarray(image)
    if mode == "F":
        raise FileError(
            f"Expected mask {path} to hold whole class ids of 8 or 16 bits, but got floating-point "
            "numbers. Round them, and save the mask as a single-channel PNG."
        )
    if values.ndim != 2:
        found = "an alpha channel" if mode in ("LA", "PA", "La") else "a color image"
        raise FileError(
            f"Expected mask {path} to have one channel of class ids (gray or palette PNG), but got "
            f"{found} (mode {mode}). Convert it to class ids."
        )
    return values.astype(np.uint8) // scale if scale > 1 or mode == "1" else values


@contextmanager
def open_mask(path: str | Path) -> Iterator[Image.Image]:
    """Open a mask file with Pillow; raises the errors of :func:`read_mask` while it is decoded."""
    with open_file(path, "mask") as file:
        try:
            image = open_image(file, path, "mask")
        except UnidentifiedImageError:
            file.seek(0)
            raise unknown_kind(file.read(64), path, "mask") from None
        try:
            yield image
        except FileError:
            raise
        except CANNOT_READ as error:
            raise undecodable(path, error, "mask") from error


def _gray_scale(image: Image.Image) -> int:
    tile = image.tile[0] if image.tile else None
    arguments = tile[3] if tile else None
    raw_mode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return _SCALED_GRAY.get(raw_mode, 1) if isinstance(raw_mode, str) else 1


def white_of(image: Image.Image, values: np.ndarray) -> int:
    """Return the white value of a gray mask, by its bit depth.

    Values above 255 are gray levels only if white is 65,535 and each value is an 8-bit level.

    Args:
        image: The opened image.
        values: Values of the image from :func:`read_values`.
    """
    if image.mode == "1":
        return 1
    if values.size and values.max() > IGNORE and values.min() >= 0 and not (values % 257).any():
        return 65535
    return IGNORE // _gray_scale(image)


def _to_binary(values: np.ndarray, path: str | Path) -> np.ndarray:
    found = np.unique(values)
    foreground = [int(value) for value in found if value != 0]
    if foreground not in ([], [1], [IGNORE]):
        raise FileError(
            f"Expected mask {path} to hold 0 for background and one other value, 1 or 255, with "
            f"binary=True, but got the values {format_values(found)}. Threshold the mask, or set "
            "classes in place of binary=True."
        )
    return (values != 0).astype(np.uint8)


def _replace(values: np.ndarray, rule: Mapping[int, int]) -> np.ndarray:
    result = values.copy() if values.dtype != np.uint8 else values.astype(np.int32)
    for value, label in rule.items():
        result[values == int(value)] = label
    return result


def check_same_size(
    mask_path: str | Path, mask_shape: Sequence[int], img_path: str | Path, shape: Sequence[int]
) -> None:
    """Check that a mask and its image, both ``(H, W)``, have the same size.

    Raises:
        FileError: If the sizes differ.
    """
    if tuple(mask_shape) != tuple(shape):
        raise FileError(
            f"Expected mask {mask_path} to have the size of its image {img_path}, "
            f"{shape[1]}x{shape[0]} pixels (width x height), but got "
            f"{mask_shape[1]}x{mask_shape[0]}. {_rotated(mask_shape, img_path, shape)}"
        )


def _rotated(mask_shape: Sequence[int], img_path: str | Path, shape: Sequence[int]) -> str:
    """Return the cure, which depends on whether a viewer rotated the image for drawing."""
    tag = UPRIGHT
    if tuple(mask_shape) == tuple(shape)[::-1]:
        with suppress(*CANNOT_READ), Image.open(img_path) as image:
            tag = header_of(image, img_path).orientation
    if tag == UPRIGHT:
        return "Save the mask in the size of the image."
    return (
        f"The image has the EXIF orientation {tag}, which viewers apply and training ignores. "
        "Rotate its pixels permanently: mogrify -auto-orient FILE, or exiftran -ai FILE."
    )


def check_mask(mask: np.ndarray, classes: Sequence[str], path: str | Path) -> None:
    """Check that a mask, ``(H, W)`` uint8, holds only classes and 255; the check is very fast.

    Raises:
        FileError: See :func:`check_values`.
    """
    # 255 + 1 is 0 in uint8: values above the number of classes are neither classes nor ignore.
    if mask.size and int((mask + np.uint8(1)).max()) > len(classes):
        check_values(np.unique(mask), classes, path)


def check_values(
    values: np.ndarray, classes: Sequence[str], path: str | Path, ignore: int = IGNORE
) -> None:
    """Check that the distinct values of a mask are classes or the ignore label.

    Args:
        values: ``(n,)`` distinct values, sorted.
        classes: Names in id order.
        path: Path of the mask, for the message.
        ignore: Label that means "ignore".

    Raises:
        FileError: If there are other values; names the mask and these values.
    """
    bad = values[(values >= len(classes)) & (values != ignore)]
    if not len(bad):
        return
    cure = "Correct the mask, add the class, or map the value with label_rule={VALUE: CLASS}."
    if str(path).lower().endswith((".jpg", ".jpeg")):
        cure = "Save masks as PNG, because JPEG changes values slightly."
    elif len(values) == 2 and len(classes) == 2:
        cure = (
            "For masks of 0 and one other value, use FolderDataset with binary=True "
            "(make_splits.py --binary)."
        )
    raise FileError(
        f"Expected mask {path} to hold the {len(classes)} classes 0 to {len(classes) - 1} "
        f"({_some(classes)}) and {ignore} for ignore, but got {format_values(bad)}, which is "
        f"no class. {cure}"
    )


def _some(names: Sequence[str], limit: int = 24) -> str:
    more = f", ... {len(names)} in total" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def check_not_0_and_255(values: np.ndarray, source: str) -> None:
    """Check that masks hold more than only 255, or only 0 and 255.

    Args:
        values: ``(n,)`` distinct values of all masks together.
        source: Source of the masks, for the message.

    Raises:
        ValueError: If the masks hold only 255, or only 0 and 255.
    """
    found = {int(value) for value in values}
    if found == {IGNORE}:
        raise ValueError(
            f"{source}: expected class ids from 0, but all masks hold only {IGNORE}, which means "
            "ignore. Correct the masks."
        )
    if found == {0, IGNORE}:
        raise ValueError(
            f"{source}: expected two or more classes, but all masks hold only 0 and {IGNORE}, "
            "which means ignore. For two-class masks of 0 and 255, use FolderDataset with "
            "binary=True (make_splits.py --binary)."
        )


def format_values(values: np.ndarray, limit: int = 8) -> str:
    """Format the first values of a list, so that a message stays on one line."""
    shown = ", ".join(str(int(value)) for value in values[:limit])
    return f"[{shown}, ... {len(values)} in total]" if len(values) > limit else f"[{shown}]"
