# SPDX-License-Identifier: Apache-2.0
import json
import re

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from rankseg.projects.survey import survey
from rankseg.testing.raw import scene, write_coco, write_raw


def test_survey_of_valid_files(tmp_path):
    images, masks = write_raw(tmp_path, "ids_255", masks=3, more=2, suffix="_mask")
    Image.new("L", (9, 9)).save(masks / "zz.png")
    found = survey(images, masks)
    assert [path.name for path in found.files.images] == ["00.png", "01.png", "02.png"]
    assert [path.name for path in found.files.unlabeled] == ["03.png", "04.png"]
    assert found.pixels.shape == (3, 256) and (found.pixels.sum(1) == 72 * 96).all()
    assert np.array_equal(found.ids(1)[1:], scene(1)[1][1:])
    assert found.summary().splitlines() == [
        "images with a mask     3: 96x72 pixels, color, 8 bits",
        "masks                  3 gray",
        "images without a mask  2: 96x72 pixels, color, 8 bits",
    ]
    assert found.notes()[0].startswith("skipped 1 mask without an image: ")
    assert not found.faults


def test_bad_files_are_skipped_and_reported(tmp_path):
    images, masks = write_raw(tmp_path, masks=6, more=3)
    content = (images / "00.png").read_bytes()
    (images / "00.png").write_bytes(content[: len(content) // 2])
    (masks / "01.png").write_bytes(b"")
    Image.new("L", (96, 71)).save(masks / "02.png")
    (images / "07.png").write_bytes(b"no image")
    found = survey(images, masks)
    assert [path.name for path in found.files.images] == ["03.png", "04.png", "05.png"]
    assert [path.name for path in found.files.unlabeled] == ["06.png", "08.png"]
    assert len(found.faults) == 4 and len(found.labeled) == 3 and len(found.unlabeled) == 2
    for name in ("images/00.png", "masks/01.png", "masks/02.png to have", "images/07.png"):
        assert sum(name in fault for fault in found.faults) == 1


def test_raises_without_a_valid_mask(tmp_path):
    images, masks = write_raw(tmp_path, masks=1, more=1)
    (masks / "00.png").write_bytes(b"")
    with pytest.raises(ValueError, match="none of the 1 can be used. The first problem: .*00.png"):
        survey(images, masks)


def test_images_given_twice_are_used_once(tmp_path):
    images, masks = write_raw(tmp_path, masks=2, more=2)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/00.png").write_bytes((images / "02.png").read_bytes())
    found = survey(images, masks, tmp_path / "more")
    assert [p.parent.name for p in found.files.unlabeled] == ["images", "images", "more"]
    assert len(survey(images, masks, images).files.unlabeled) == 2


def test_raises_on_stacks(tmp_path):
    images, masks = write_raw(tmp_path)
    (tmp_path / "s.tif").write_bytes(b"II")
    with pytest.raises(ValueError, match=r"s.tif to be a folder, .*dataset_converters/lucchi.py"):
        survey(tmp_path / "s.tif", masks)


def test_outlines(tmp_path):
    pytest.importorskip("pycocotools")
    images, coco = write_coco(tmp_path, masks=2, more=1)
    found = survey(images, coco)
    assert found.plan.classes == ("background", "nucleus", "cell")
    assert found.kinds == {"drawn from outlines": 2}
    assert found.pixels[0, :3].tolist() == np.bincount(found.ids(0).ravel()).tolist()
    assert any("1 image without an outline used as unlabeled" in n for n in found.notes())
    assert survey(images, coco, names=("x", "y", "z")).plan.classes == ("x", "y", "z")
    with pytest.raises(ValueError, match=r"Expected 3 names in --classes, .* but got 2"):
        survey(images, coco, names=("x", "y"))


def test_reports_outlines_of_an_image_of_another_size(tmp_path):
    pytest.importorskip("pycocotools")
    images, coco = write_coco(tmp_path, masks=3, more=2)
    content = json.loads(coco.read_text())
    content["images"][1]["width"] += 8
    content["images"].append({**content["images"][0], "id": 99, "file_name": "gone.png"})
    coco.write_text(json.dumps(content))
    found = survey(images, coco)
    (fault,) = found.faults
    assert re.match(r".*drawn from image id 2 in the COCO file .*01.png, 96x72.*104x72", fault)
    assert any("2 images without an outline" in note for note in found.notes())
    assert any("1 image listed in outlines.json, not found: gone" in note for note in found.notes())


def test_16_bit_images_get_one_range(tmp_path):
    images, masks = write_raw(tmp_path, masks=2, more=0)
    assert survey(images, masks).value_range is None
    values = np.linspace(100, 4100, 72 * 96).reshape(72, 96).astype(np.uint16)
    Image.fromarray(values).save(images / "00.png")
    found = survey(images, masks)
    assert "gray, 16 bits (1) and color, 8 bits (1)" in found.summary()
    ends = np.percentile(values, (0.1, 99.9), method="inverted_cdf")
    assert found.value_range == tuple(ends)
    low, high = found.value_range
    wanted = f"1 images have more than 8 bits: the values {low} to {high} become black to white"
    assert any(wanted in note for note in found.notes())


def test_raises_on_constant_16_bit_images(tmp_path):
    images, masks = write_raw(tmp_path, masks=2, more=1)
    for path in images.iterdir():
        Image.fromarray(np.full((72, 96), 7, np.uint16)).save(path)
    with pytest.raises(ValueError, match="all pixels of the 3 images are equal"):
        survey(images, masks)


def test_range_includes_images_without_a_mask(tmp_path):
    images, masks = write_raw(tmp_path, masks=2, more=1)
    rng = np.random.default_rng(0)
    values = rng.integers(0, 3000, (3, 72, 96, 3), np.uint16)
    values[2] += 5000
    for path, one in zip(sorted(images.iterdir()), values, strict=True):
        cv2.imwrite(str(path), one)
    found = survey(images, masks)
    assert "color, 16 bits" in found.summary()
    ends = np.percentile(values, (0.1, 99.9), method="inverted_cdf")
    assert found.value_range == tuple(ends) and found.deep.files == 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bands_are_selected_or_noted(tmp_path, dtype):
    images, masks = write_raw(tmp_path, masks=2, more=1)
    rng, top = np.random.default_rng(0), 200 if dtype == np.uint8 else 3000
    values = rng.integers(0, top, (3, 72, 96, 4), dtype)
    values[..., 3] //= 4
    for path, one in zip(sorted(images.iterdir()), values, strict=True):
        path.unlink()
        kind = {"photometric": "rgb", "extrasamples": ["unspecified"]}
        tifffile.imwrite(path.with_suffix(".tif"), one, **kind)
    found = survey(images, masks)
    assert "4 bands, " in found.summary()
    wanted = "3 images have 4 bands: 1, 2, 3 are used, 4 is not (--channels 4 2 1 chooses others)"
    assert wanted in found.notes()
    chosen = survey(images, masks, channels=(4,))
    assert any("4 is used, 1, 2, 3 are not" in note for note in chosen.notes()) and chosen.gray
    if dtype == np.uint16:
        assert chosen.value_range[1] <= 750 < found.value_range[1]
    with pytest.raises(ValueError, match=r"none of the 2 can be used.* have band 5 .* got 4 bands"):
        survey(images, masks, channels=(5, 1, 2))
