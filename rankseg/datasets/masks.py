# SPDX-License-Identifier: Apache-2.0
"""Read a mask file as class ids: the one place where pixels of a file become labels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

IGNORE = 255
BINARY = "binary"

LabelRule = Mapping[int, int] | str | None

CANNOT_READ = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises on a damaged or unknown file."""

_SCALED_GREY = {"L;2": 85, "L;4": 17}  # Pillow stretches 2- and 4-bit grey to 0..255


def read_mask(path: str | Path, rule: LabelRule = None) -> np.ndarray:
    """Read a mask as class ids.

    Palette files give their indices, never their colours. Grey files of 1, 2, 4, 8 and 16 bits
    give the stored values. 255 means "ignore". Orientation tags are ignored, as in the image.

    Args:
        path: A single-channel image file.
        rule: ``None`` keeps the values. ``'binary'`` is for two classes: 0 stays 0, and the one
            other value, 1 or 255, becomes 1. A mapping ``{value: class}`` replaces the values
            that it names, keeps the others, and may name 255 as a class to ignore pixels.

    Returns:
        ``(H, W)`` uint8.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not decode, holds colours instead of ids, holds values that
            do not fit into 0..255, or does not suit the rule.
    """
    values = _read_values(Path(path))
    if isinstance(rule, str):
        if rule != BINARY:
            raise ValueError(f"label_rule is '{rule}': expected None, '{BINARY}' or a mapping")
        return _to_binary(values, path)
    if rule:
        values = _replace(values, rule)
    if values.dtype != np.uint8:
        if values.size and (values.min() < 0 or values.max() > IGNORE):
            raise ValueError(
                f"mask {path} holds values {some(np.unique(values))}: expected class ids from 0 "
                "to 254 and 255 for ignore; map them with label_rule={VALUE: CLASS, ...}"
            )
        values = values.astype(np.uint8)
    return values


def _read_values(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            mode, scale = image.mode, _grey_scale(image)
            values = np.asarray(image)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"mask {path} does not exist: correct the list that names it or the data root"
        ) from None
    except CANNOT_READ as error:
        raise ValueError(
            f"mask {path} does not decode ({error}): save it anew as a single-channel PNG"
        ) from error
    if values.ndim != 2 or mode == "F":
        raise ValueError(
            f"mask {path} is a colour image (mode {mode}): expected one channel of class ids "
            "(grey or palette PNG); convert the colours to ids first"
        )
    return values.astype(np.uint8) // scale if scale > 1 or mode == "1" else values


def _grey_scale(image: Image.Image) -> int:
    tile = image.tile[0] if image.tile else None
    arguments = tile[3] if tile else None
    raw_mode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return _SCALED_GREY.get(raw_mode, 1) if isinstance(raw_mode, str) else 1


def _to_binary(values: np.ndarray, path: str | Path) -> np.ndarray:
    found = np.unique(values)
    foreground = [int(value) for value in found if value != 0]
    if foreground not in ([], [1], [IGNORE]):
        raise ValueError(
            f"mask {path} holds values {some(found)}: binary=True expects 0 for background and "
            "one other value, 1 or 255; threshold the mask, or use classes and no binary=True"
        )
    return (values != 0).astype(np.uint8)


def _replace(values: np.ndarray, rule: Mapping[int, int]) -> np.ndarray:
    result = values.copy() if values.dtype != np.uint8 else values.astype(np.int32)
    for value, label in rule.items():
        result[values == int(value)] = label
    return result


def some(values: np.ndarray, limit: int = 8) -> str:
    """Show the first values of a list, so that a message stays one line."""
    shown = ", ".join(str(int(value)) for value in values[:limit])
    return f"[{shown}, ... {len(values)} in all]" if len(values) > limit else f"[{shown}]"
