# SPDX-License-Identifier: Apache-2.0
"""Reader for JSON files of annotation tools, which also identifies the tool."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rankseg.errors import FileError
from rankseg.imageio.image_files import read_content

_COCO = "Export the labels again as 'COCO'"
_COCO_OR_MASKS = "Export the labels again as 'COCO' or as masks"
_MASKS = "Export the labels as PNG masks"
_LIST_KEYS = (
    ({"Labeled Data", "External ID", "data_row"}, "Labelbox (labelbox.com)", _COCO_OR_MASKS),
    ({"completions", "annotations", "predictions"}, "Label Studio", _COCO),
    ({"segmentation", "bbox"}, "COCO results without images and categories", _COCO),
    ({"image", "imagefilename"}, "CreateML", _COCO_OR_MASKS),
    ({"geometry"}, "GeoJSON (QuPath)", _MASKS),
)
_DICT_KEYS = (
    ({"shapes", "imagePath"}, "labelme", "Name the folder that holds these files: --masks DIR"),
    ({"_via_img_metadata"}, "VIA (VGG Image Annotator)", "Use its 'Export as COCO format'"),
    ({"data_row"}, "Labelbox (labelbox.com)", _COCO_OR_MASKS),
    ({"data", "annotations"}, "Label Studio", _COCO),
    ({"items", "categories"}, "Datumaro", "Convert it with datum convert -f coco"),
    ({"imgHeight", "objects"}, "Cityscapes polygons", "Create masks with cityscapesscripts"),
    ({"size", "objects"}, "Supervisely", _COCO_OR_MASKS),
    ({"item", "annotations"}, "Darwin (V7)", _COCO_OR_MASKS),
    ({"features", "type"}, "GeoJSON (QuPath)", _MASKS),
)


def read_json(path: str | Path, what: str) -> Any:
    """Read a JSON file, or the first line of a file with one JSON value per line.

    Raises:
        FileNotFoundError: If the file does not exist.
        FileError: If the file is not JSON, or is nested too deeply.
    """
    try:
        text = read_content(path, what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"Expected {what} {path} to be UTF-8 text, but it is not. {_COCO}."
        ) from error
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise
            return [json.loads(text.split("\n", 1)[0])]
    except RecursionError:
        reason = "its values are nested too deeply"
    except ValueError as error:
        reason = str(error)
    raise FileError(f"Expected {what} {path} to be JSON, but {reason}. {_COCO}.")


def detect_tool(content: Any) -> tuple[str, str] | None:
    """Return the program that wrote JSON content and what to do with it; None if unknown."""
    keys = _DICT_KEYS
    if isinstance(content, list):
        content, keys = next(iter(content), None), _LIST_KEYS
        if not isinstance(content, Mapping):
            return None
        return next(((name, cure) for some, name, cure in keys if some & set(content)), None)
    if not isinstance(content, Mapping):
        return None
    for needed, name, cure in keys:
        if needed <= set(content):
            return name, cure
    first = next(iter(content.values()), None)
    if isinstance(first, Mapping) and {"filename", "regions"} <= set(first):
        return _DICT_KEYS[1][1:]
    return None
