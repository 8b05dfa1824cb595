# SPDX-License-Identifier: Apache-2.0
"""From a folder or stack to the files that a prediction leaves."""

import copy
import csv
import json
import os
import re

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from rankseg.apis import Inferencer, load_config, predict
from rankseg.imageio.masks import read_mask
from rankseg.imageio.reading import read_image
from rankseg.imageio.tiff import TiffStack
from rankseg.imageio.tiff_axes import Planes
from rankseg.inference.prediction_files import Outputs, PredictionFiles
from rankseg.testing.predicting import PALETTE, picture, saved, write_images
from rankseg.utils.atomic_file import WriteError

EVERYTHING = Outputs(probabilities=True, uncertainty=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    config, checkpoint = saved(tmp_path_factory.mktemp("made"))
    return load_config(str(config)), checkpoint


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "in")


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def there(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_of_all_kinds(made, images, tmp_path):
    out = tmp_path / "out"
    report = predict(*made, images, out, outputs=EVERYTHING, batch=2)
    assert (report.done, report.skipped, report.failed) == (6, 0, [])
    deep, alpha = report.notes
    assert "1 of 6 files hold more than 8 bits and were scaled from" in deep
    assert alpha.startswith(
        "1 image has an alpha channel (transparency), band 4, which is not used"
    )
    values = cv2.imread(str(images / "more/deep.tif"), cv2.IMREAD_UNCHANGED)
    own = [int(np.percentile(values, q, method="inverted_cdf")) for q in (0.1, 99.9)]
    assert f"from {own[0]} to {own[1]}," in deep
    inferencer = Inferencer(*made)
    names = ["a2.png", "a10.png", "b.jpg", "more/alpha.png", "more/deep.tif", "more/grey.png"]
    rows = table(out / "summary.csv")
    assert [row["image"] for row in rows] == names
    for name, row in zip(names, rows, strict=True):
        image = read_image(images / name, own)
        wanted = inferencer(image, probabilities=True, uncertainty=True)
        stem = name.rsplit(".")[0]
        mask = read_mask(out / f"masks/{stem}.png")
        assert np.array_equal(mask, wanted.mask)
        shares = tifffile.imread(out / f"probabilities/{stem}.tif")
        assert shares.dtype == np.float16
        np.testing.assert_allclose(shares, wanted.probabilities, atol=1e-3)
        unsure = tifffile.imread(out / f"uncertainty/{stem}.tif")
        np.testing.assert_allclose(unsure, wanted.uncertainty, atol=1e-5)
        for file in (f"uncertainty/{stem}.png", f"overlays/{stem}.jpg"):
            assert read_image(out / file).shape == image.shape
        assert (int(row["height"]), int(row["width"])) == mask.shape and row["page"] == ""
        for k, word in enumerate(("blue", "green", "red")):
            assert float(row[f"{word} %"]) == pytest.approx(100 * (mask == k).mean(), abs=1e-3)
        assert float(row["mean uncertainty"]) == pytest.approx(unsure.mean(), abs=1e-3)
    with Image.open(out / "masks/a2.png") as mask:
        assert mask.mode == "P" and mask.getpalette()[:9] == sum(PALETTE, [])
    assert read_image(out / "overview.png").size > 0
    assert not list(out.rglob("*.partial")) and not (out / "failed.txt").exists()


def test_a_stack_is_written_page_by_page(made, tmp_path):
    pages = np.stack([picture(seed=i)[..., 0] for i in range(3)])
    tifffile.imwrite(tmp_path / "cells.tif", pages, photometric="minisblack")
    out = tmp_path / "out"
    report = predict(*made, tmp_path / "cells.tif", out, outputs=EVERYTHING, batch=2)
    assert report.done == 1 and not report.failed
    inferencer = Inferencer(*made)
    shares = tifffile.imread(out / "probabilities/cells.tif").reshape(3, 3, 40, 48)
    with TiffStack(out / "masks/cells.tif") as masks:
        assert len(masks) == 3 and masks.dtype == np.uint8
        for number, page in enumerate(pages):
            wanted = inferencer(page, probabilities=True)
            assert np.array_equal(masks[number], wanted.mask)
            np.testing.assert_allclose(shares[number], wanted.probabilities, atol=1e-3)
    with Image.open(out / "masks/cells.tif") as mask:
        assert mask.n_frames == 3 and mask.mode == "P" and mask.getpalette()[3:6] == PALETTE[1]
    assert tifffile.imread(out / "uncertainty/cells.tif").shape == (3, 40, 48)
    assert sorted(p.name for p in (out / "overlays/cells").iterdir()) == ["1.jpg", "2.jpg", "3.jpg"]
    assert [row["page"] for row in table(out / "summary.csv")] == ["1", "2", "3"]


HYPERSTACKS = {
    "imagej": {"spacing": 0.05, "unit": "um"},
    "ome": {"PhysicalSizeX": 0.02, "PhysicalSizeXUnit": "µm", "PhysicalSizeZ": 50.0},
}


def hyperstack(path, way):
    """Write 3 slices of 2 channels with a scale; the pixels of the second channel."""
    pages = np.stack([picture(seed=i)[..., 0] for i in range(3)])
    values = np.stack([255 - pages, pages], 1)
    metadata = {"axes": "ZCYX", **HYPERSTACKS[way]}
    options = {"resolution": (50, 20)} if way == "imagej" else {}
    kind = {way: True, "photometric": "minisblack"}
    tifffile.imwrite(path, values, metadata=metadata, **kind, **options)
    return pages


@pytest.mark.parametrize("way", HYPERSTACKS)
def test_masks_of_a_hyperstack_keep_its_axes_and_scale(made, tmp_path, way):
    path, out = tmp_path / "cells.tif", tmp_path / "out"
    pages = hyperstack(path, way)
    with pytest.raises(ValueError, match=r"3 slices x 2 channels .*--channel N \(1 to 2\)"):
        predict(*made, path, out)
    assert not list(out.rglob("*.*"))
    report = predict(*made, path, out, outputs=EVERYTHING, planes=Planes(channel=2))
    assert report.notes == ["1 stack read at channel 2 of 2"]
    inferencer = Inferencer(*made)
    for kind in ("masks", "uncertainty"):
        with tifffile.TiffFile(out / f"{kind}/cells.tif") as file:
            (series,) = file.series
            assert (series.kind, series.axes, series.shape) == (way, "ZYX", (3, 40, 48))
            if way == "imagej":
                found = file.imagej_metadata
                assert file.pages.first.get_resolution() == (50, 20)
            else:
                found = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
            assert {key: found[key] for key in HYPERSTACKS[way]} == HYPERSTACKS[way]
            if kind == "masks":
                for mask, page in zip(file.asarray(), pages, strict=True):
                    assert np.array_equal(mask, inferencer(page).mask)
    assert len(list((out / "overlays/cells").iterdir())) == 3
    again = predict(
        *made, path, out, outputs=EVERYTHING, planes=Planes(channel=2), skip_existing=True
    )
    assert (again.done, again.skipped) == (0, 1)
    with pytest.raises(ValueError, match="planes"):
        predict(*made, path, out, planes=Planes(channel=1), skip_existing=True)


def test_the_channel_of_training_and_a_picture_of_channels(made, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/stacks.json").write_text(json.dumps({"channel": 2}))
    cfg = copy.deepcopy(made[0])
    cfg.test_dataloader.dataset.data_root = str(tmp_path / "data")
    (tmp_path / "in").mkdir()
    pages = hyperstack(tmp_path / "in/a.tif", "imagej")
    kind = {"imagej": True, "photometric": "minisblack"}
    one = np.stack([255 - pages[1], pages[1]])
    tifffile.imwrite(tmp_path / "in/b.tif", one, metadata={"axes": "CYX"}, **kind)
    tifffile.imwrite(tmp_path / "in/c.tif", pages, metadata={"axes": "ZYX"}, **kind)
    report = predict(cfg, made[1], tmp_path / "in", tmp_path / "out")
    assert report.notes == ["2 stacks read at channel 2 of 2"]
    inferencer = Inferencer(*made)
    for name, number in (("a", 1), ("b", 0), ("c", 1)):
        with TiffStack(tmp_path / f"out/masks/{name}.tif") as masks:
            assert np.array_equal(masks[number], inferencer(pages[1]).mask)


def test_the_channel_that_a_config_chooses(made, tmp_path):
    """A config of ``new_project --channel 2`` predicts stacks of several channels by it."""
    cfg = copy.deepcopy(made[0])
    for step in cfg.test_dataloader.dataset.pipeline:
        if step["type"] == "LoadSample":
            step["channels"] = (2,)
    pages = hyperstack(tmp_path / "a.tif", "imagej")
    report = predict(cfg, made[1], tmp_path / "a.tif", tmp_path / "out")
    assert "1 stack read at channel 2 of 2" in report.notes
    with TiffStack(tmp_path / "out/masks/a.tif") as masks:
        assert np.array_equal(masks[0], Inferencer(*made)(pages[0]).mask)


def test_pages_and_images_that_would_share_an_overlay(made, tmp_path):
    pages = np.stack([picture(seed=i)[..., 0] for i in range(2)])
    (tmp_path / "in/a").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "in/a.tif", pages, photometric="minisblack")
    cv2.imwrite(str(tmp_path / "in/a/2.png"), picture())
    with pytest.raises(ValueError, match=r"page 2 of the stack .*a.tif and the image .*2.png"):
        predict(*made, tmp_path / "in", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.*"))
    masks = Outputs(overlays=False)
    assert predict(*made, tmp_path / "in", tmp_path / "out", outputs=masks).done == 2
    (tmp_path / "in/a/2.png").rename(tmp_path / "in/a/3.png")
    assert predict(*made, tmp_path / "in", tmp_path / "all").done == 2


@pytest.mark.parametrize("kind", ["noted", "given", "inside"])
def test_what_was_shrunk_for_training_is_shrunk_and_masks_are_not(made, tmp_path, kind):
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
    assert mask.shape == image.shape[:2] and "shrunk 2 times" in report.notes[0]
    small = inferencer(picture()).mask.repeat(2, 0).repeat(2, 1)
    assert (mask == small).mean() > 0.9 > (inferencer(image).mask == small).mean()
    with pytest.raises(ValueError, match="made with shrink=2.0, this would be shrink=3"):
        predict(cfg, made[1], place, tmp_path / "out", shrink=3.0, skip_existing=True)


def test_an_image_that_would_shrink_to_nothing_is_reported_and_the_others_are_done(made, tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for name, size in (("a", (1, 2)), ("b", (64, 80))):
        cv2.imwrite(str(place / f"{name}.png"), np.full((*size, 3), 90, np.uint8))
    report = predict(*made, place, tmp_path / "out", shrink=4.0, outputs=Outputs(overlays=False))
    (failed,) = report.failed
    assert report.done == 1 and "a.png: " in failed and "2x1" in failed and "--shrink" in failed
    assert [path.name for path in (tmp_path / "out/masks").iterdir()] == ["b.png"]


def test_large_images_go_by_windows(made, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture(70, 90))
    predict(*made, tmp_path / "a.png", tmp_path / "out", window=32, overlap=0.5)
    wanted = Inferencer(*made, window=32, overlap=0.5)(str(tmp_path / "a.png")).mask
    assert np.array_equal(read_mask(tmp_path / "out/masks/a.png"), wanted)


def test_bad_files_are_reported_and_the_others_done(made, images, tmp_path):
    whole = (images / "a2.png").read_bytes()
    (images / "cut.png").write_bytes(whole[: len(whole) // 2] + b"IEND")  # its header is good
    (images / "text.jpg").write_text("no image")
    tifffile.imwrite(images / "stack.tif", np.zeros((2, 8, 8), np.uint8), photometric="minisblack")
    stack = (images / "stack.tif").read_bytes()
    (images / "stack.tif").write_bytes(stack[:-70])
    out = tmp_path / "out"
    report = predict(*made, images, out, batch=3)
    assert report.done == 6 and len(report.failed) == 3
    for name, text in zip(("cut.png", "stack.tif", "text.jpg"), report.failed, strict=True):
        assert name in text and "\n" not in text
    assert (out / "failed.txt").read_text().splitlines() == report.failed
    assert len(table(out / "summary.csv")) == 6 and len(list(out.rglob("masks/**/*.png"))) == 6
    for name in ("cut.png", "text.jpg", "stack.tif"):
        (images / name).unlink()
    assert predict(*made, images, out, overwrite=True).failed == []
    assert not (out / "failed.txt").exists()


def test_bad_files_alone_leave_nothing(made, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_text("no image")
    for source in (folder, folder / "a.png"):
        with pytest.raises(ValueError, match="^image .*a.png"):
            predict(*made, source, tmp_path / "out")
    (folder / "b.jpg").touch()
    with pytest.raises(ValueError, match="^none of the 2 images of .*in can be read; .*a.png"):
        predict(*made, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_stack_with_a_bad_page_leaves_nothing_of_itself(made, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    pages = np.stack([picture(seed=i)[..., 0] for i in range(3)])
    tifffile.imwrite(folder / "b.tif", pages, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(folder / "b.tif") as file:
        start, length = file.pages[2].dataoffsets[0], file.pages[2].databytecounts[0]
    content = bytearray((folder / "b.tif").read_bytes())
    content[start : start + length] = bytes(length)
    (folder / "b.tif").write_bytes(content)
    cv2.imwrite(str(folder / "a.png"), picture())
    report = predict(*made, folder, tmp_path / "out", outputs=EVERYTHING)
    assert report.done == 1 and "page 3 of image" in report.failed[0]
    left = [name for name in there(tmp_path / "out") if "b.tif" in name or "partial" in name]
    assert left == [] and len(table(tmp_path / "out/summary.csv")) == 1


def test_nothing_of_an_earlier_prediction_is_taken_for_new(made, images, tmp_path, monkeypatch):
    out, wanted = tmp_path / "out", tmp_path / "wanted"
    predict(*made, images, out, weights="student", outputs=EVERYTHING)
    predict(*made, images, wanted, weights="teacher")
    plain, calls = Inferencer.fill, []

    def stop(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(Inferencer, "fill", stop)
    with pytest.raises(KeyboardInterrupt):
        predict(*made, images, out, weights="teacher", overwrite=True)
    monkeypatch.undo()
    report = predict(*made, images, out, weights="teacher", skip_existing=True)
    assert (report.done, report.skipped) == (4, 2)
    assert there(out) == there(wanted)


def test_what_is_asked_for_later_is_added(made, images, tmp_path):
    out, whole = tmp_path / "out", tmp_path / "whole"
    predict(*made, images, out)
    assert predict(*made, images, out, skip_existing=True, outputs=EVERYTHING).done == 6
    predict(*made, images, whole, outputs=EVERYTHING)
    assert there(out) == there(whole)


def test_a_new_checkpoint_of_the_same_name_does_not_go_on(made, images, tmp_path):
    checkpoint = tmp_path / "c.pth"
    checkpoint.write_bytes(made[1].read_bytes())
    predict(made[0], checkpoint, images, tmp_path / "out")
    os.utime(checkpoint, (1, 1))
    with pytest.raises(ValueError, match="were made with checkpoint_written="):
        predict(made[0], checkpoint, images, tmp_path / "out", skip_existing=True)


def test_a_network_of_other_settings_does_not_go_on(made, images, tmp_path):
    predict(*made, images, tmp_path / "out")
    cfg = copy.deepcopy(made[0])
    cfg.model.ramp = 7
    with pytest.raises(ValueError, match="were made with fingerprint of the model's settings="):
        predict(cfg, made[1], images, tmp_path / "out", skip_existing=True)


def test_a_damaged_mask_is_counted_once(made, images, tmp_path):
    predict(*made, images, tmp_path / "out")
    (tmp_path / "out/masks/b.png").write_text("x")
    report = predict(*made, images, tmp_path / "out", skip_existing=True)
    assert (report.done, report.skipped, len(report.failed)) == (0, 5, 1)


def test_memory_that_ends_names_the_image(made, images, tmp_path, monkeypatch):
    def end(self, samples):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(Inferencer, "_whole", end)
    report = predict(*made, images / "b.jpg", tmp_path / "out")
    assert str(images / "b.jpg") in report.failed[0] and "too large for memory" in report.failed[0]


def test_going_on_where_it_was_interrupted(made, images, tmp_path, monkeypatch):
    tifffile.imwrite(
        images / "z.tif",
        np.stack([picture(seed=i)[..., 0] for i in range(2)]),
        photometric="minisblack",
    )
    out, whole = tmp_path / "out", tmp_path / "whole"
    predict(*made, images, whole, outputs=EVERYTHING)
    plain, calls = Inferencer.fill, []

    def stop(self, *arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(Inferencer, "fill", stop)
    with pytest.raises(KeyboardInterrupt):
        predict(*made, images, out, outputs=EVERYTHING)
    assert len(table(out / "summary.csv")) == 3
    monkeypatch.undo()
    mask = next((out / "masks").rglob("*.png"))
    before = mask.stat().st_mtime_ns
    report = predict(*made, images, out, skip_existing=True, outputs=EVERYTHING)
    assert (report.done, report.skipped) == (4, 3) and mask.stat().st_mtime_ns == before
    assert there(out) == there(whole)
    assert predict(*made, images, out, skip_existing=True, outputs=EVERYTHING).skipped == 7
    assert there(out) == there(whole)


def test_masks_of_0_and_255(made, tmp_path):
    config, checkpoint = saved(tmp_path, classes=("no", "yes"), palette=[[0, 0, 0], [9, 9, 200]])
    text = config.read_text().replace("'num_classes': 3", "'num_classes': 2")
    config.write_text(text)
    state = torch.load(checkpoint)
    for key, value in state["state_dict"].items():
        if "conv_seg" in key:
            state["state_dict"][key] = value[:2].clone()
    torch.save(state, checkpoint)
    cfg = load_config(str(config))
    cv2.imwrite(str(tmp_path / "a.png"), picture())
    tifffile.imwrite(
        tmp_path / "s.tif",
        np.stack([picture(seed=i)[..., 0] for i in range(2)]),
        photometric="minisblack",
    )
    for name in ("a.png", "s.tif"):
        out = tmp_path / name.replace(".", "_")
        predict(cfg, checkpoint, tmp_path / name, out, outputs=Outputs(binary_255=True))
        file = next((out / "masks").iterdir())
        masks = tifffile.imread(file) if name == "s.tif" else np.asarray(Image.open(file))
        assert set(np.unique(masks)) == {0, 255}
        rows = table(out / "summary.csv")
        assert float(rows[0]["yes %"]) == pytest.approx(
            100 * (masks if masks.ndim == 2 else masks[0]).astype(bool).mean(), abs=1e-3
        )
        predict(
            cfg,
            checkpoint,
            tmp_path / name,
            out,
            outputs=Outputs(binary_255=True),
            skip_existing=True,
        )
        assert table(out / "summary.csv") == rows
    with pytest.raises(ValueError, match="masks of 0 and 255 are for two classes, and here are 3"):
        predict(*made, tmp_path / "a.png", tmp_path / "x", outputs=Outputs(binary_255=True))
    assert not (tmp_path / "x").exists()


def test_large_probabilities_lie_on_the_disk(made, images, tmp_path, monkeypatch):
    predict(*made, images, tmp_path / "a", outputs=EVERYTHING)
    monkeypatch.setattr("rankseg.inference.prediction_files.IN_MEMORY", 0)
    predict(*made, images, tmp_path / "b", outputs=EVERYTHING)
    assert there(tmp_path / "a") == there(tmp_path / "b")


def test_a_full_disk_ends_it(made, images, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rankseg.inference.prediction_files.Image.Image.save", full)
    with pytest.raises(WriteError, match="masks/.* could not be written .*make room"):
        predict(*made, images, tmp_path / "out")
    assert not list((tmp_path / "out/masks").rglob("*.png*"))


def test_orientation_is_told_and_not_followed(made, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "in").mkdir()
    Image.fromarray(picture(24, 40)).save(tmp_path / "in/a.jpg", exif=exif)
    report = predict(*made, tmp_path / "in", tmp_path / "out")
    assert "1 of 1 images carry an EXIF orientation" in report.notes[0]
    assert read_mask(tmp_path / "out/masks/a.png").shape == (24, 40)


def test_deep_stacks_are_scaled_as_the_training_stack_was(made, tmp_path):
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
    assert "1 of 1 files hold more than 8 bits and were scaled from" in report.notes[0]
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
    with pytest.raises(ValueError, match=r"--value-range is \(9, 9\): expected two rising numbers"):
        predict(*made, tmp_path / "s.tif", tmp_path / "x", value_range=(9, 9))


def test_single_files_and_a_stack_of_the_same_pages_become_the_same_masks(made, tmp_path):
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
    with pytest.warns(UserWarning, match="3 of 3 images hold more than 8 bits"):
        arrays = Inferencer(*made)(list(pages))
    assert np.array_equal(stack, [one.mask for one in arrays])


PLACES = ("s.tif", "pages")


def test_a_prediction_that_goes_on_keeps_the_range_that_it_has_found(made, tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(2):
        page = picture(seed=i)[..., 0].astype(np.uint16) * (20 * i + 2)
        tifffile.imwrite(tmp_path / f"in/{i}.tif", page)
    predict(*made, tmp_path / "in", tmp_path / "both")
    kept = (tmp_path / "in/1.tif").rename(tmp_path / "1.tif")
    predict(*made, tmp_path / "in", tmp_path / "out")
    kept.rename(tmp_path / "in/1.tif")
    report = predict(*made, tmp_path / "in", tmp_path / "out", skip_existing=True)
    assert report.skipped == 1 and "the range that the earlier prediction found" in report.notes[0]
    mask = read_mask(tmp_path / "out/masks/1.png")
    assert not np.array_equal(mask, read_mask(tmp_path / "both/masks/1.png"))


def test_bands_of_the_config_are_used_and_the_others_named(made, tmp_path):
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


def test_a_classifier_writes_a_table(tmp_path, images):
    config, checkpoint = saved(tmp_path, "mean_teacher")
    cfg = load_config(str(config))
    (images / "text.jpg").write_text("no image")
    report = predict(cfg, checkpoint, images, tmp_path / "out", topk=2)
    assert report.done == 6 and len(report.failed) == 1
    rows = table(tmp_path / "out/predictions.csv")
    one = Inferencer(cfg, checkpoint)(str(images / "a2.png"))
    assert rows[0]["image"] == "a2.png" and rows[0]["class 1"] == one.name
    assert float(rows[0]["probability 1"]) == pytest.approx(one.probabilities.max(), abs=1e-5)
    assert list(rows[0])[-1] == "probability 2" and (tmp_path / "out/overview.png").is_file()
    with pytest.raises(ValueError, match="--uncertainty is for masks"):
        predict(cfg, checkpoint, images, tmp_path / "x", outputs=Outputs(uncertainty=True))


def overflowing(monkeypatch, where):
    """Have the network give NaN for images of this size."""
    inner = Inferencer._whole

    def whole(self, samples):
        found = inner(self, samples)
        return [one * torch.nan if one.shape[1:] == where else one for one in found]

    monkeypatch.setattr(Inferencer, "_whole", whole)


def test_one_image_that_overflows_is_reported_and_the_others_are_done(
    made, images, tmp_path, monkeypatch
):
    overflowing(monkeypatch, (33, 50))
    report = predict(*made, images, tmp_path / "out", batch=2)
    assert report.done == 5 and len(report.failed) == 1
    assert "b.jpg: expected finite" in report.failed[0] and "1650 of 1650" in report.failed[0]
    assert not (tmp_path / "out/masks/b.png").exists()
    assert (tmp_path / "out/failed.txt").read_text() == report.failed[0] + "\n"


def test_names_that_cannot_be_written_are_reported_and_the_others_are_done(
    made, images, tmp_path, monkeypatch
):
    long = "x" * 251
    (images / "b.jpg").rename(images / f"{long}.jpg")
    inner = PredictionFiles.mask_file

    def mask_file(self, one):
        path = inner(self, one)
        return path.with_name("y" * 300) if one.name in ("a2", "more/deep") else path

    monkeypatch.setattr(PredictionFiles, "mask_file", mask_file)
    report = predict(*made, images, tmp_path / "out", batch=3)
    assert report.done == 4 and len(report.failed) == 2
    for name, text in zip(("a2.png", "more/deep.tif"), report.failed, strict=True):
        assert text.startswith(f"{images / name}: ") and "File name too long" in text
    assert (tmp_path / f"out/masks/{long}.png").is_file()
    assert [row["image"] for row in table(tmp_path / "out/summary.csv")] == [
        "a10.png",
        "more/alpha.png",
        "more/grey.png",
        f"{long}.jpg",
    ]


def test_a_disk_that_is_full_ends_the_prediction(made, images, tmp_path, monkeypatch):
    def full(*args):
        raise WriteError("full") from OSError(28, "No space left on device")

    monkeypatch.setattr(PredictionFiles, "write", full)
    with pytest.raises(WriteError, match="full"):
        predict(*made, images, tmp_path / "out")
