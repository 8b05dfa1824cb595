# SPDX-License-Identifier: Apache-2.0
"""Parser of labelme's JSON files, one per image."""

from collections.abc import Mapping, Sequence
from math import cos, hypot, pi, sin
from pathlib import Path
from typing import Any

from rankseg.errors import FileError
from rankseg.imageio.listing import walk_files
from rankseg.projects.json_files import read_json
from rankseg.projects.messages import list_names, shorten
from rankseg.projects.outlines import (
    Annotations,
    InvalidOutline,
    ListedImage,
    Shape,
    check_polygons,
    clean_class_name,
)

KEYS = ("shapes", "imagePath", "imageHeight", "imageWidth")
NUM_CORNERS = 64  # of the polygon that approximates a circle


def find_labelme(folder: Path) -> list[tuple[Path, Any]]:
    """Find labelme files in a folder and its subfolders; return sorted paths with their content.

    The content excludes the image data.

    Raises:
        FileError: If a JSON file cannot be read, or its shapes are not a list.
    """
    files = sorted(path for path in walk_files(folder) if path.suffix.lower() == ".json")
    found = []
    for path in files:
        content = read_json(path, "labelme file")
        if not isinstance(content, Mapping) or not {"shapes", "imagePath"} <= content.keys():
            continue
        if not isinstance(content["shapes"], list):
            raise FileError(
                f"Expected 'shapes' in labelme file {path} to be a list, but got "
                f"{shorten(content['shapes'])}. Save the file again in labelme, or remove it."
            )
        found.append((path, {key: content.get(key) for key in KEYS}))
    return found


def parse_labelme(files: Sequence[tuple[Path, Any]], folder: Path) -> Annotations:
    """Read images and shapes from labelme files.

    Polygons, rectangles and circles are drawn. Points, lines and masks are skipped and counted.
    Classes are sorted by name.

    Args:
        files: Paths and contents, see :func:`find_labelme`.
        folder: Folder in which they were found.

    Raises:
        FileError: If no shape can be drawn.
    """
    found = Annotations()
    names: set[str] = set()
    for path, content in files:
        size = (content["imageHeight"], content["imageWidth"])
        image = ListedImage(str(path), _image_name(content["imagePath"], path, folder), size)
        found.images.append(image)
        for one in content["shapes"]:
            try:
                shape = _shape(one, image.known_size)
                image.shapes.append(shape)
                names.add(shape.name)
            except InvalidOutline as reason:
                found.skipped[str(reason)] += 1
    found.names = sorted(names)
    if not names:
        reasons = list_names(list(found.skipped)) or "they have no shapes"
        raise FileError(
            f"Expected polygons in the labelme files next to {files[0][0]}, but none can be drawn "
            f"({reasons}). Draw outlines with 'Create Polygons'."
        )
    return found


def _image_name(name: Any, path: Path, folder: Path) -> str:
    """Return the name of the image, which labelme stores relative to its JSON file."""
    if not isinstance(name, str) or not name:
        return path.stem
    plain = name.replace("\\", "/")
    inside = path.relative_to(folder).parent
    return name if plain.startswith("/") or plain[1:2] == ":" else (inside / plain).as_posix()


def _shape(one: Any, size: tuple[int, int] | None) -> Shape:
    if not isinstance(one, Mapping):
        raise InvalidOutline("not a JSON object")
    name = clean_class_name(one.get("label"))
    if name is None:
        raise InvalidOutline("label is not a name on one line")
    kind, points = one.get("shape_type") or "polygon", one.get("points")
    if kind not in ("polygon", "rectangle", "circle"):
        raise InvalidOutline(
            f"shape '{kind}'" if isinstance(kind, str) else "shape of unknown kind"
        )
    if not isinstance(points, list) or not all(isinstance(p, list) and len(p) == 2 for p in points):
        raise InvalidOutline("points are not pairs of numbers")
    flat = [number for point in points for number in point]
    return Shape(name, check_polygons([_corners(kind, flat)], size))


def _corners(kind: str, flat: list) -> list:
    """Return polygon coordinates for a shape that labelme stores as two points."""
    if kind == "polygon":
        return flat
    if len(flat) != 4 or not all(type(number) in (int, float) for number in flat):
        raise InvalidOutline(f"{kind} without two points")
    a, b, c, d = flat
    if kind == "rectangle":
        return [a, b, c, b, c, d, a, d]
    radius = hypot(c - a, d - b)
    angles = (2 * pi * k / NUM_CORNERS for k in range(NUM_CORNERS))
    return [n for angle in angles for n in (a + radius * cos(angle), b + radius * sin(angle))]
