# SPDX-License-Identifier: Apache-2.0
import copy
import json
import random

import numpy as np
import pytest

from rankseg.errors import FileError
from rankseg.projects.outline_masks import read_outlines
from rankseg.testing.raw import write_coco

pytest.importorskip("pycocotools")

BOX = [40, 40, 60, 40, 60, 60, 40, 60]


@pytest.fixture
def change(tmp_path):
    """Read outlines of three images after a change of the content, and the first mask."""
    images, path = write_coco(tmp_path, masks=2, more=1)
    content = json.loads(path.read_text())

    def read(edit):
        edit(content)
        path.write_text(json.dumps(content))
        found = read_outlines(path, images)
        return found, found.draw(found.images[images / "00.png"])

    return read


def annotation(**values) -> dict:
    return {"image_id": 1, "category_id": 7, "segmentation": [BOX], "bbox": [1, 1, 9, 9], **values}


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (annotation(segmentation=[]), "bounding box without an outline"),
        (annotation(segmentation=None), "bounding box without an outline"),
        (annotation(segmentation=[], bbox=None), "no outline"),
        (annotation(segmentation=[[5, 5, 9, 9]]), "fewer than three points"),
        (annotation(category_id=99), "unknown category id"),
        (annotation(category_id=[3]), "unknown category id"),
        (annotation(category_id=True), "unknown category id"),
        (annotation(image_id=99), "unknown image id"),
        ({}, "unknown image id"),
        (None, "not a JSON object"),
        (annotation(segmentation=[[5, 5, float("inf"), 5, 9, 9]]), "non-finite coordinates"),
    ],
)
def test_skips_and_counts_bad_annotations(change, one, reason):
    before = change(lambda content: None)[1]
    found, mask = change(lambda content: content["annotations"].extend([one, one]))
    (note,) = [note for note in found.notes if "skipped" in note]
    assert note.startswith("skipped 2 annotations") and reason in note
    assert np.array_equal(mask, before) and len(found.images) == 2


def test_integer_and_float_ids_are_equal(change):
    found, mask = change(lambda c: c["annotations"].append(annotation(category_id=7.0)))
    assert mask[59, 59] == 2 and not found.notes


def test_category_without_outlines_is_no_class(change):
    found, _ = change(lambda c: c["categories"].insert(0, {"id": 0, "name": "cells"}))
    assert found.classes == ("background", "nucleus", "cell")
    assert "categories without an outline do not become classes: cells" in found.notes


def test_categories_of_one_name_are_one_class(change):
    def edit(content):
        content["categories"].append({"id": 9, "name": " cell "})
        content["annotations"].append(annotation(category_id=9))

    found, mask = change(edit)
    assert found.classes == ("background", "nucleus", "cell")
    assert mask[59, 59] == 2, "the outline of the second of the two"
    assert "categories 7, 9 are all named 'cell' and form one class" in found.notes


def test_categories_that_differ_in_unicode_form_are_one_class(change):
    def edit(content):
        content["categories"][0]["name"] = "z\u00e9ro"
        content["categories"].append({"id": 9, "name": "ze\u0301ro"})
        content["annotations"].append(annotation(category_id=9))

    found, _ = change(edit)
    assert found.classes == ("background", "z\u00e9ro", "cell")
    assert any("are all named 'z\u00e9ro'" in note for note in found.notes)


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000"])
def test_category_with_another_kind_of_blank_keeps_its_outlines(change, blank):
    before = change(lambda content: None)[1]
    found, mask = change(lambda c: c["categories"][0].update(name=f"a{blank}b"))
    assert found.classes == ("background", f"a{blank}b", "cell") and not found.notes
    assert np.array_equal(mask, before)


def test_category_background_is_class_0(change):
    found, mask = change(lambda c: c["categories"][0].update(name="Background"))
    assert found.classes == ("background", "cell")
    assert mask[25, 25] == 0 and mask[15, 15] == 1
    assert any("'background' is class 0" in note for note in found.notes)


def test_notes_a_category_named_ignore(change):
    found, _ = change(lambda content: content["categories"][0].update(name="Ignore"))
    assert any("Ignore is trained as a class" in note for note in found.notes)


def test_image_named_twice_gets_all_outlines(change):
    def edit(content):
        content["images"].append({**content["images"][0], "id": 50})
        content["annotations"].append(annotation(image_id=50))

    found, mask = change(edit)
    assert mask[55, 55] == 2
    assert any(
        "1 image listed more than once, with all outlines merged: 00.png" in n for n in found.notes
    )


def test_raises_on_two_categories_with_one_id(change):
    with pytest.raises(FileError, match="'nucleus' and 'x' share the id 3.*another id"):
        change(lambda content: content["categories"].append({"id": 3, "name": "x"}))


def test_raises_on_two_images_with_one_id(change):
    with pytest.raises(
        FileError, match="00.png and 01.png share the id 1, .* Export the labels again"
    ):
        change(lambda c: c["images"].append({**c["images"][1], "id": 1}))


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"height": 10**9}, r"image id 1 .*00.png, 96x72 .* got 96x1000000000"),
        ({"height": 10**400}, r"but got width 96 and height 1000"),
        ({"height": -72}, r"have the size of .*00.png, 96x72, but got width 96 and height -72"),
        ({"width": "96"}, "but got width 96 and height 72"),
        ({"width": [[9]]}, r"but got width \[\[9\]\]"),
        ({"width": float("nan")}, "but got width nan"),
        ({"height": 0.5}, "but got width 96 and height 0.5"),
    ],
)
def test_raises_on_wrong_image_size(change, size, message):
    with pytest.raises(FileError, match=message):
        change(lambda content: content["images"][0].update(size))


def test_missing_size_is_read_from_the_image(change):
    def edit(content):
        for image in content["images"]:
            image.pop("height")
            image["width"] = None
        content["images"][0]["width"] = 96

    assert change(edit)[1].shape == (72, 96)


def test_raises_on_too_many_used_categories(change):
    def add(content, used):
        for k in range(100, 400):
            content["categories"].append({"id": k, "name": f"c{k}"})
            if used:
                content["annotations"].append(annotation(category_id=k))

    assert len(change(lambda content: add(content, False))[0].classes) == 3
    with pytest.raises(FileError, match="Expected 1 to 254 categories .* but got 302"):
        change(lambda content: add(content, True))


def deep(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


VALUES = [None, True, -1, 0, 1, 0.5, 1e9, 1e308, float("inf"), float("nan"), 10**400, "", "x"]
VALUES += ["a\nb\x1b[0m", "\ud800", "../" * 50, [], {}, [[]], [{}], [None], deep(200), "9" * 3000]
VALUES += [[[1, 2]], [[1, 2, 3, 4, 5]], [[1e9] * 6], [[float("inf")] * 6], [["1"] * 6]]
VALUES += [{"size": [10**9, 10**9], "counts": "o" * 99}, {"size": [72, 96], "counts": [6912]}]


def mutate(content, dice: random.Random) -> None:
    """Replace, remove or double a value somewhere."""
    place, key = {"": content}, ""
    for _ in range(dice.randint(1, 7)):
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        place, key = (
            inner,
            dice.choice(list(inner) if isinstance(inner, dict) else [*range(len(inner))]),
        )
    kind = dice.random()
    if kind < 0.7:
        place[key] = copy.deepcopy(dice.choice(VALUES))
    elif kind < 0.85:
        del place[key]
    elif isinstance(place, list):
        place.append(copy.deepcopy(place[key]))


def test_mutated_files_are_read_or_raise_one_sentence(tmp_path):
    images, path = write_coco(tmp_path, masks=2, more=1)
    content = json.loads(path.read_text())
    counts = {"size": [72, 96], "counts": [100, 50, 6762]}
    content["annotations"].append(annotation(segmentation=counts, iscrowd=1))
    original, outcomes = json.dumps(content), {"read": 0, "refused": 0}
    for seed in range(500):
        dice = random.Random(seed)
        changed = json.loads(original)
        for _ in range(dice.randint(1, 3)):
            mutate(changed, dice)
        text = json.dumps(changed)
        if seed % 10 == 0:
            cut = dice.randrange(len(text))
            text = text[:cut] + text[cut + dice.randint(1, 20) :]
        path.write_text(text)
        try:
            found = read_outlines(path, images)
            for file, number in found.images.items():
                mask = found.draw(number)
                assert mask.shape == (72, 96) and mask.max() < len(found.classes), file
            assert len(set(found.classes)) == len(found.classes)
            assert "".join(found.classes).isprintable()
            message = " ".join(found.notes)
            outcomes["read"] += 1
        except FileError as error:
            message = str(error)
            outcomes["refused"] += 1
        assert message.isprintable() and len(message) < 3000, (seed, message)
        message.encode()
    assert min(outcomes.values()) > 50


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"images": ' * 5000, "", "{", "\x00", "9" * 5000, "NaN", "[]", '"a"']
)
def test_raises_on_text_that_is_not_coco(tmp_path, text):
    images, path = write_coco(tmp_path, masks=1, more=1)
    path.write_text(text)
    with pytest.raises(FileError, match="outlines.json"):
        read_outlines(path, images)
