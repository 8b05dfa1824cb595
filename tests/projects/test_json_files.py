# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from rankseg.errors import FileError
from rankseg.projects.coco import parse_coco
from rankseg.projects.json_files import read_json
from rankseg.projects.messages import shorten


@pytest.mark.parametrize(
    ("content", "program"),
    [
        ({"version": "5", "shapes": [], "imagePath": "a.jpg"}, "labelme.* --masks DIR"),
        ({"_via_img_metadata": {}, "_via_settings": {}}, "VIA .*'Export as COCO format'"),
        ({"a.jpg123": {"filename": "a.jpg", "size": 1, "regions": []}}, "VIA .*COCO"),
        ([{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}], "Label Studio.*'COCO'"),
        ([{"Labeled Data": "http://x", "Label": {}, "External ID": "a.jpg"}], "Labelbox.*COCO"),
        ({"data_row": {}, "projects": {}}, "Labelbox"),
        ([{"image": "a.jpg", "annotations": []}], "Label Studio|CreateML"),
        ([{"image_id": 1, "category_id": 1, "segmentation": {}, "score": 0.5}], "COCO results"),
        ({"type": "FeatureCollection", "features": []}, "GeoJSON"),
        ({"size": {"height": 1}, "objects": []}, "Supervisely"),
        ({"imgHeight": 1, "imgWidth": 1, "objects": []}, "Cityscapes"),
        ({"images": [], "annotations": {}}, "has no list of annotations and categories"),
        ([], "has no list of images and annotations and categories"),
        (7, "has no list of"),
    ],
)
def test_raises_on_files_of_other_tools_by_name(tmp_path, content, program):
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(FileError, match=f"x.json to be a COCO file.*{program}"):
        parse_coco(read_json(tmp_path / "x.json", "COCO file"), tmp_path / "x.json")


def test_reads_the_first_of_several_json_lines(tmp_path):
    (tmp_path / "x.ndjson").write_text('{"data_row": 1}\n{"data_row": 2}\n')
    assert read_json(tmp_path / "x.ndjson", "COCO file") == [{"data_row": 1}]


def test_raises_on_non_utf8_text(tmp_path):
    (tmp_path / "x.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(FileError, match="COCO file .*x.json to be UTF-8 text"):
        read_json(tmp_path / "x.json", "COCO file")


@pytest.mark.parametrize("value", ["a\x1b[31m\n", "\ud800", "x" * 500, [[[[[[[[1]]]]]]]], {"a": 1}])
def test_values_are_shortened_to_one_line(value):
    text = shorten(value)
    assert text.isprintable() and len(text) < 70
    text.encode()
