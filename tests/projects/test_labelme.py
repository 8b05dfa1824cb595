# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.errors import FileError
from rankseg.projects.input_files import find_inputs
from rankseg.projects.outline_masks import read_outlines
from rankseg.testing.raw import write_raw

pytest.importorskip("pycocotools")


def shape(label: object, *points: tuple, kind: str | None = "polygon") -> dict:
    return {"label": label, "points": [list(p) for p in points], "shape_type": kind}


CAR = shape("car", (10, 10), (30, 10), (30, 20), (10, 20))
BOX = shape("ant", (40, 30), (50, 60), kind="rectangle")
DISK = shape("car", (70, 40), (80, 40), kind="circle")


@pytest.fixture
def make(tmp_path):
    """Write labels of labelme for some of five images, in a folder, and give both folders."""

    def write(shapes: dict[str, list], folder: str = "labels", prefix: str = "../images/"):
        images, masks = write_raw(tmp_path, masks=0, more=5)
        masks.rmdir()
        (tmp_path / folder).mkdir(exist_ok=True)
        for name, some in shapes.items():
            content = {"version": "5.0", "shapes": some, "imagePath": f"{prefix}{name}.png"}
            content |= {"imageHeight": 72, "imageWidth": 96, "imageData": "x"}
            (tmp_path / folder / f"{name}.json").write_text(json.dumps(content))
        return images, tmp_path / folder

    return write


@pytest.mark.parametrize("prefix", ["../images/", "..\\images\\", "C:\\x\\", "", "/home/x/images/"])
def test_shapes_are_drawn(make, prefix):
    images, labels = make({"00": [CAR, BOX], "01": [DISK], "02": []}, prefix=prefix)
    found = read_outlines(labels, images)
    assert found.classes == ("background", "ant", "car")
    assert [path.name for path in found.images] == ["00.png", "01.png"]
    assert [path.name for path in found.empty] == ["02.png"]
    expected = np.zeros((72, 96), np.uint8)
    expected[10:20, 10:30] = 2
    expected[30:60, 40:50] = 1
    assert np.array_equal(found.draw(found.images[images / "00.png"]), expected)
    disk = found.draw(found.images[images / "01.png"]) == 2
    rows, columns = np.indices((72, 96)) + 0.5
    assert (disk != (np.hypot(rows - 40, columns - 70) < 10)).sum() < 10 and disk.sum() > 300


def test_skips_and_counts_other_shapes(make):
    shapes = [shape("a", (1, 1), kind="point"), shape("a", (1, 1), (9, 9), kind="line")]
    shapes += [shape(None, (1, 1)), None, {"label": "a", "points": 7}, shape("a", (1, 1), (2, "x"))]
    shapes += [shape("a", (1, 1), (float("inf"), 9), (9, 9)), shape("a", (1, 1), kind="circle")]
    images, labels = make({"00": [CAR, *shapes]})
    notes = " ".join(read_outlines(labels, images).notes)
    for reason in ("shape 'point'", "shape 'line'", "label is not a name", "not a JSON object"):
        assert f"skipped 1 annotation, whose pixels count as background: {reason}" in notes
    assert "circle without two points" in notes and "non-finite" in notes
    assert notes.count("skipped") == 8


def test_raises_without_drawable_shapes(make):
    images, labels = make({"00": [shape("a", (1, 1), kind="point")]})
    with pytest.raises(
        FileError, match=r"labelme files next to .*00.json.*shape 'point'.*Create Polygons"
    ):
        read_outlines(labels, images)


@pytest.mark.parametrize("shapes", [None, 7, {}])
def test_raises_on_shapes_that_are_no_list(make, shapes):
    images, labels = make({"00": [CAR], "01": shapes})
    with pytest.raises(
        FileError, match=r"'shapes' in labelme file .*01.json to be a list, but got"
    ):
        read_outlines(labels, images)


def test_labels_next_to_the_images(make):
    images, labels = make({"00": [CAR], "01": [BOX]}, folder="images", prefix="")
    found = find_inputs(images, labels, None)
    assert found.classes == ("background", "ant", "car") and len(found.unlabeled) == 3
    assert find_inputs(images, images, None).images == [images / "00.png", images / "01.png"]


def test_same_names_in_subfolders(make, tmp_path):
    images, labels = make({"00": [CAR]}, folder="images/a", prefix="")
    for name in ("a", "b"):
        (images / name).mkdir(exist_ok=True)
        Image.new("RGB", (96, 72)).save(images / name / "00.png")
    assert list(read_outlines(images, images).images) == [images / "a/00.png"]


def test_masks_take_precedence_over_labels(make, tmp_path):
    images, labels = make({"00": [CAR]})
    for name in ("00", "01"):
        Image.fromarray(np.eye(72, 96, dtype=np.uint8)).save(labels / f"{name}.png")
    found = find_inputs(images, labels, None)
    assert found.classes is None and [Path(mask).name for mask in found.masks] == [
        "00.png",
        "01.png",
    ]
