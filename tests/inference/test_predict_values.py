# SPDX-License-Identifier: Apache-2.0
"""Values, size, orientation and bands of the images to predict."""

import copy
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from rankseg.apis import Inferencer, predict
from rankseg.imageio.masks import read_mask
from rankseg.testing.predicting import (
    picture,
)


@pytest.mark.parametrize("kind", ["noted", "given", "inside"])
def test_shrinks_images_like_the_training_set_but_not_masks(made, tmp_path, kind):
    data = tmp_path / "data"
    data.mkdir()
    (data / "stacks.json").write_text(json.dumps({"shrink": 2.0}))
    image = cv2.resize(picture(), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    place = (data if kind == "inside" else tmp_path) / "a.png"
    cv2.imwrite(str(place), image[..., ::-1])
    cfg = copy.deepcopy(made[0])
    cfg.test_dataloader.dataset.data_root = str(tmp_path if kind == "given" else data)
    shrink = 2.0 if kind == "given" else None
    report = predict(cfg, made[1], place, tmp_path / "out", shrink=shrink)
    mask, inferencer = read_mask(tmp_path / "out/masks/a.png"), Inferencer(*made)
    if kind == "inside":
        assert np.array_equal(mask, inferencer(image).mask) and not report.notes
        return
    assert mask.shape == image.shape[:2] and "shrunk by a factor of 2" in report.notes[0]
    small = inferencer(picture()).mask.repeat(2, 0).repeat(2, 1)
    assert (mask == small).mean() > 0.9 > (inferencer(image).mask == small).mean()
    with pytest.raises(ValueError, match="made with shrink=2.0, and this prediction has shrink=3"):
        predict(cfg, made[1], place, tmp_path / "out", shrink=3.0, skip_existing=True)


def test_reports_an_orientation_and_does_not_apply_it(made, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "in").mkdir()
    Image.fromarray(picture(24, 40)).save(tmp_path / "in/a.jpg", exif=exif)
    report = predict(*made, tmp_path / "in", tmp_path / "out")
    assert "1 of 1 images have an EXIF orientation" in report.notes[0]
    assert read_mask(tmp_path / "out/masks/a.png").shape == (24, 40)


def test_scales_deep_stacks_like_the_training_stack(made, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "stacks.json").write_text(json.dumps({"value_range": [0, 65535]}))
    pages = picture()[..., 0].astype(np.uint16)[None].repeat(2, 0) * 257
    tifffile.imwrite(tmp_path / "s.tif", pages // 2, photometric="minisblack")
    cfg = copy.deepcopy(made[0])
    cfg.test_dataloader.dataset.data_root = str(data)
    predict(cfg, made[1], tmp_path / "s.tif", tmp_path / "noted")
    predict(*made, tmp_path / "s.tif", tmp_path / "given", value_range=(0, 65535))
    report = predict(*made, tmp_path / "s.tif", tmp_path / "own")
    assert "1 of 1 files have more than 8 bits and were scaled from" in report.notes[0]
    cfg = copy.deepcopy(made[0])
    cfg.test_dataloader.dataset.pipeline[0].value_range = (0, 65535)
    predict(cfg, made[1], tmp_path / "s.tif", tmp_path / "said")
    noted, given, said, own = (
        tifffile.imread(tmp_path / name / "masks/s.tif")
        for name in ("noted", "given", "said", "own")
    )
    assert np.array_equal(noted, given) and np.array_equal(said, given)
    assert not np.array_equal(noted, own)
    assert np.array_equal(Inferencer(cfg, made[1])(pages[0] // 2).mask, given[0])
    cfg = copy.deepcopy(made[0])
    cfg.test_dataloader.dataset.data_root = str(data)
    assert np.array_equal(Inferencer(cfg, made[1])(pages[0] // 2).mask, given[0])
    with pytest.raises(ValueError, match=r"value_range.*\(9, 9\)"):
        predict(*made, tmp_path / "s.tif", tmp_path / "x", value_range=(9, 9))


PLACES = ("s.tif", "pages")


def test_single_files_and_a_stack_of_the_same_pages_get_equal_masks(made, tmp_path):
    pages = np.stack([picture(seed=i)[..., 0].astype(np.uint16) * (i + 2) for i in range(3)])
    tifffile.imwrite(tmp_path / "s.tif", pages, photometric="minisblack")
    (tmp_path / "pages").mkdir()
    for i, page in enumerate(pages):
        tifffile.imwrite(tmp_path / f"pages/{i}.tif", page)
    reports = [predict(*made, tmp_path / name, tmp_path / f"{name}_out") for name in PLACES]
    stack = tifffile.imread(tmp_path / "s.tif_out/masks/s.tif")
    single = [read_mask(tmp_path / f"pages_out/masks/{i}.png") for i in range(3)]
    assert np.array_equal(stack, single) and len(np.unique(stack)) > 1
    scaled = [re.search("scaled from (\\d+) to (\\d+)", r.notes[0]).groups() for r in reports]
    assert scaled[0] == scaled[1] and "3 of 3 files" in reports[1].notes[0]
    with pytest.warns(UserWarning, match="3 of 3 images have more than 8 bits") as warned:
        arrays = Inferencer(*made)(list(pages))
    assert Path(warned[0].filename) == Path(__file__), "it names the line of the caller"
    assert np.array_equal(stack, [one.mask for one in arrays])


def test_uses_the_bands_of_the_config_and_reports_the_others(made, tmp_path):
    bands = np.dstack([picture(), picture(seed=1)[..., 0]])
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="rgb", extrasamples=["unspecified"])
    report = predict(*made, tmp_path / "a.tif", tmp_path / "usual")
    assert report.notes[0].startswith("1 image has 4 bands: 1, 2, 3 are used, 4 is not")
    cfg = copy.deepcopy(made[0])
    cfg.test_dataloader.dataset.pipeline[0].channels = (4, 2, 1)
    report = predict(cfg, made[1], tmp_path / "a.tif", tmp_path / "chosen")
    assert report.notes[0].startswith("1 image has 4 bands: 4, 2, 1 are used, 3 is not")
    inferencer = Inferencer(*made)
    for out, order in (("usual", (0, 1, 2)), ("chosen", (3, 1, 0))):
        wanted = inferencer(np.ascontiguousarray(bands[..., order])).mask
        assert np.array_equal(read_mask(tmp_path / out / "masks/a.png"), wanted)
        with pytest.warns(UserWarning, match="1 image has"):
            again = Inferencer(cfg if order[0] else made[0], made[1])(bands)
        assert np.array_equal(again.mask, wanted)
