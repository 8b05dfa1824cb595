# SPDX-License-Identifier: Apache-2.0
"""Outputs of a prediction: masks, stacks, overlays, tables."""

import copy
import json

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
from rankseg.inference.writer import Outputs
from rankseg.testing.predicting import (
    EVERYTHING,
    PALETTE,
    picture,
    read_files,
    read_table,
    saved,
)
from rankseg.utils import bfloat16


@pytest.mark.parametrize("known", [True, False])
def test_notes_that_amp_uses_float32(made, images, tmp_path, known, monkeypatch, recwarn):
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: known)
    report = predict(*made, images / "a2.png", tmp_path / "out", amp=True)
    said = [note for note in report.notes if "does not compute in bfloat16" in note]
    assert len(said) == (not known)
    assert not any("bfloat16" in str(one.message) for one in recwarn), "it is said twice"


def test_writes_all_outputs_of_a_folder(made, images, tmp_path):
    out = tmp_path / "out"
    report = predict(*made, images, out, outputs=EVERYTHING, batch=2)
    assert (report.done, report.skipped, report.failed) == (6, 0, [])
    deep, alpha = report.notes
    assert "1 of 6 files have more than 8 bits and were scaled from" in deep
    assert alpha.startswith(
        "1 image has an alpha channel (transparency), band 4, which is not used"
    )
    values = cv2.imread(str(images / "more/deep.tif"), cv2.IMREAD_UNCHANGED)
    own = [int(np.percentile(values, q, method="inverted_cdf")) for q in (0.1, 99.9)]
    assert f"from {own[0]} to {own[1]}," in deep
    inferencer = Inferencer(*made)
    names = ["a2.png", "a10.png", "b.jpg", "more/alpha.png", "more/deep.tif", "more/gray.png"]
    rows = read_table(out / "summary.csv")
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


def test_writes_a_stack_page_by_page(made, tmp_path):
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
    assert [row["page"] for row in read_table(out / "summary.csv")] == ["1", "2", "3"]


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
    with pytest.raises(ValueError, match=r"3 slices x 2 channels .*channel N \(1 to 2\)"):
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


def test_reads_the_channel_of_the_training_set(made, tmp_path):
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


def test_reads_the_channel_of_the_config(made, tmp_path):
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


def test_raises_if_a_page_and_an_image_share_an_overlay(made, tmp_path):
    pages = np.stack([picture(seed=i)[..., 0] for i in range(2)])
    (tmp_path / "in/a").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "in/a.tif", pages, photometric="minisblack")
    cv2.imwrite(str(tmp_path / "in/a/2.png"), picture())
    with pytest.raises(ValueError, match=r"page 2 of stack .*a.tif and image .*2.png"):
        predict(*made, tmp_path / "in", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.*"))
    masks = Outputs(overlays=False)
    assert predict(*made, tmp_path / "in", tmp_path / "out", outputs=masks).done == 2
    (tmp_path / "in/a/2.png").rename(tmp_path / "in/a/3.png")
    assert predict(*made, tmp_path / "in", tmp_path / "all").done == 2


def test_predicts_large_images_by_windows(made, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture(70, 90))
    predict(*made, tmp_path / "a.png", tmp_path / "out", window=32, overlap=0.5)
    wanted = Inferencer(*made, window=32, overlap=0.5)(str(tmp_path / "a.png")).mask
    assert np.array_equal(read_mask(tmp_path / "out/masks/a.png"), wanted)


def test_writes_masks_of_0_and_255(made, tmp_path):
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
        rows = read_table(out / "summary.csv")
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
        assert read_table(out / "summary.csv") == rows
    with pytest.raises(ValueError, match="two classes for masks of 0 and 255, but got 3"):
        predict(*made, tmp_path / "a.png", tmp_path / "x", outputs=Outputs(binary_255=True))
    assert not (tmp_path / "x").exists()


def test_keeps_large_probabilities_on_disk(made, images, tmp_path, monkeypatch):
    predict(*made, images, tmp_path / "a", outputs=EVERYTHING)
    monkeypatch.setattr("rankseg.inference.writer.IN_MEMORY", 0)
    predict(*made, images, tmp_path / "b", outputs=EVERYTHING)
    assert read_files(tmp_path / "a") == read_files(tmp_path / "b")


def test_writes_a_table_for_a_classifier(tmp_path, images):
    config, checkpoint = saved(tmp_path, "mean_teacher")
    cfg = load_config(str(config))
    (images / "text.jpg").write_text("no image")
    report = predict(cfg, checkpoint, images, tmp_path / "out", topk=2)
    assert report.done == 6 and len(report.failed) == 1
    rows = read_table(tmp_path / "out/predictions.csv")
    one = Inferencer(cfg, checkpoint)(str(images / "a2.png"))
    assert rows[0]["image"] == "a2.png" and rows[0]["class 1"] == one.name
    assert float(rows[0]["probability 1"]) == pytest.approx(one.probabilities.max(), abs=1e-5)
    assert list(rows[0])[-1] == "probability 2" and (tmp_path / "out/overview.png").is_file()
    with pytest.raises(
        ValueError, match="segmentation config with uncertainty=True, but got a classifier"
    ):
        predict(cfg, checkpoint, images, tmp_path / "x", outputs=Outputs(uncertainty=True))
