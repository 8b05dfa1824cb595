# SPDX-License-Identifier: Apache-2.0
"""Parser of COCO files that skips and counts invalid entries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankseg.errors import FileError
from rankseg.projects.json_files import detect_tool
from rankseg.projects.messages import list_names, plural, shorten
from rankseg.projects.outlines import (
    Annotations,
    InvalidOutline,
    ListedImage,
    Shape,
    check_segmentation,
    clean_class_name,
    get_value,
)

KEYS = ("images", "annotations", "categories")


def parse_coco(content: Any, path: Path) -> Annotations:
    """Read images, categories and annotations from a COCO file.

    Categories with the same name form one class. Annotations that cannot be drawn, or whose image
    or category is unknown, are skipped and counted.

    Args:
        content: Parsed JSON content.
        path: Path of the file, for messages.

    Raises:
        FileError: If the content is not that of a COCO file, or an id is used twice.
    """
    _check_form(content, path)
    found = Annotations()
    names = _categories(content["categories"], path, found)
    images = _images(content["images"], path, found)
    for one in content["annotations"]:
        try:
            image, shape = _shape(one, images, names)
            image.shapes.append(shape)
        except InvalidOutline as reason:
            found.skipped[str(reason)] += 1
    return found


def _check_form(content: Any, path: Path) -> None:
    missing = [key for key in KEYS if not isinstance(get_value(content, key), list)]
    if not missing:
        return
    tool = detect_tool(content)
    if tool:
        name, cure = tool
        raise FileError(f"Expected {path} to be a COCO file, but got a file of {name}. {cure}.")
    raise FileError(
        f"Expected {path} to be a COCO file, a JSON object with lists of {', '.join(KEYS)}, but it "
        f"has no list of {' and '.join(missing)}. In the labeling tool, choose the export 'COCO'."
    )


def _key(value: Any) -> Any:
    """Return an id as a comparable number or string, or None if it is neither."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) in (int, str) else None


def _categories(entries: list, path: Path, found: Annotations) -> dict[Any, str]:
    """Return category names by id, and add them to ``found`` in order of id."""
    names: dict[Any, str] = {}
    bad = 0
    for entry in entries:
        number, name = _key(get_value(entry, "id")), clean_class_name(get_value(entry, "name"))
        if number is None or name is None:
            bad += 1
        elif names.setdefault(number, name) != name:
            raise FileError(
                f"Expected every category of {path} to have its own id, but the categories "
                f"'{shorten(names[number])}' and '{shorten(name)}' share the id {shorten(number)}. "
                "Export the labels again, or give one of them another id."
            )
    if bad:
        what = "category" if bad == 1 else "categories"
        found.notes.append(f"skipped {bad} {what} without an id or a name on one line")
    order = sorted(names, key=lambda number: (isinstance(number, str), number))
    found.names = list(dict.fromkeys(names[number] for number in order))
    for name in found.names:
        same = [shorten(number) for number in order if names[number] == name]
        if len(same) > 1:
            ids = ", ".join(same)
            found.notes.append(
                f"categories {ids} are all named '{shorten(name)}' and form one class"
            )
    return names


def _images(entries: list, path: Path, found: Annotations) -> dict[Any, ListedImage]:
    """Return images by id, and add them to ``found``."""
    images: dict[Any, ListedImage] = {}
    bad = []
    for entry in entries:
        number, name = _key(get_value(entry, "id")), get_value(entry, "file_name")
        if number is None or not isinstance(name, str) or not name:
            bad.append(name if isinstance(name, str) else entry)
        elif number not in images:
            size = (get_value(entry, "height"), get_value(entry, "width"))
            where = f"image id {shorten(number)} in the COCO file"
            images[number] = ListedImage(where, name, size)
        elif images[number].file_name != name:
            raise FileError(
                f"Expected every image of {path} to have its own id, but "
                f"{shorten(images[number].file_name)} and {shorten(name)} share the id "
                f"{shorten(number)}, so their annotations cannot be told apart. Export the labels "
                "again, or renumber the images when you merge files."
            )
    if bad:
        what = plural(len(bad), "image")
        found.notes.append(f"skipped {what} without an id or a file_name: {list_names(bad)}")
    found.images = list(images.values())
    return images


def _shape(one: Any, images: Mapping, names: Mapping) -> tuple[ListedImage, Shape]:
    """Return the image and the outline of an annotation."""
    if not isinstance(one, Mapping):
        raise InvalidOutline("not a JSON object")
    image = images.get(_key(one.get("image_id")))
    if image is None:
        raise InvalidOutline("unknown image id")
    name = names.get(_key(one.get("category_id")))
    if name is None:
        raise InvalidOutline("unknown category id")
    try:
        return image, Shape(name, check_segmentation(one.get("segmentation"), image.known_size))
    except InvalidOutline as reason:
        if str(reason) == "no outline" and one.get("bbox"):
            raise InvalidOutline("bounding box without an outline") from None
        raise
