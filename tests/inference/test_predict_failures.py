# SPDX-License-Identifier: Apache-2.0
"""Images that cannot be predicted or written."""

import cv2
import numpy as np
import pytest
import tifffile
import torch

from rankseg.apis import Inferencer, predict
from rankseg.inference.writer import Outputs, PredictionWriter
from rankseg.testing.predicting import EVERYTHING, picture, read_files, read_table
from rankseg.utils.atomic_file import WriteError


def test_reports_an_image_that_is_too_small_to_shrink(made, tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for name, size in (("a", (1, 2)), ("b", (64, 80))):
        cv2.imwrite(str(place / f"{name}.png"), np.full((*size, 3), 90, np.uint8))
    report = predict(*made, place, tmp_path / "out", shrink=4.0, outputs=Outputs(overlays=False))
    (failed,) = report.failed
    assert report.done == 1 and "a.png: " in failed and "2x1" in failed and "--shrink" in failed
    assert [path.name for path in (tmp_path / "out/masks").iterdir()] == ["b.png"]


def test_reports_unreadable_files_and_predicts_the_others(made, images, tmp_path):
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
    assert len(read_table(out / "summary.csv")) == 6 and len(list(out.rglob("masks/**/*.png"))) == 6
    for name in ("cut.png", "text.jpg", "stack.tif"):
        (images / name).unlink()
    assert predict(*made, images, out, overwrite=True).failed == []
    assert not (out / "failed.txt").exists()


def test_writes_nothing_without_a_readable_file(made, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_text("no image")
    for source in (folder, folder / "a.png"):
        with pytest.raises(ValueError, match="^Expected image .*a.png"):
            predict(*made, source, tmp_path / "out")
    (folder / "b.jpg").touch()
    with pytest.raises(
        ValueError, match="readable images in .*in, but got 2 unreadable ones. First error: .*a.png"
    ):
        predict(*made, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_writes_nothing_of_a_stack_with_a_damaged_page(made, tmp_path):
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
    left = [name for name in read_files(tmp_path / "out") if "b.tif" in name or "partial" in name]
    assert left == [] and len(read_table(tmp_path / "out/summary.csv")) == 1


def test_names_the_image_if_memory_runs_out(made, images, tmp_path, monkeypatch):
    def end(self, samples):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(Inferencer, "_whole", end)
    report = predict(*made, images / "b.jpg", tmp_path / "out")
    assert str(images / "b.jpg") in report.failed[0] and "to fit into memory" in report.failed[0]


def test_stops_and_leaves_no_partial_mask_if_the_disk_is_full(made, images, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rankseg.inference.writer.Image.Image.save", full)
    with pytest.raises(WriteError, match="masks/.* could not be written .*Free space"):
        predict(*made, images, tmp_path / "out")
    assert not list((tmp_path / "out/masks").rglob("*.png*"))


def return_nan_for_size(monkeypatch, where):
    """Have the network give NaN for images of this size."""
    inner = Inferencer._whole

    def whole(self, samples):
        found = inner(self, samples)
        return [one * torch.nan if one.shape[1:] == where else one for one in found]

    monkeypatch.setattr(Inferencer, "_whole", whole)


def test_reports_an_image_with_non_finite_logits_and_predicts_the_others(
    made, images, tmp_path, monkeypatch
):
    return_nan_for_size(monkeypatch, (33, 50))
    report = predict(*made, images, tmp_path / "out", batch=2)
    assert report.done == 5 and len(report.failed) == 1
    assert "b.jpg: Expected finite" in report.failed[0] and "1650 of 1650" in report.failed[0]
    assert not (tmp_path / "out/masks/b.png").exists()
    assert (tmp_path / "out/failed.txt").read_text() == report.failed[0] + "\n"


def test_reports_names_that_are_too_long_and_predicts_the_others(
    made, images, tmp_path, monkeypatch
):
    long = "x" * 251
    (images / "b.jpg").rename(images / f"{long}.jpg")
    inner = PredictionWriter.mask_path

    def mask_path(self, one):
        path = inner(self, one)
        return path.with_name("y" * 300) if one.name in ("a2", "more/deep") else path

    monkeypatch.setattr(PredictionWriter, "mask_path", mask_path)
    report = predict(*made, images, tmp_path / "out", batch=3)
    assert report.done == 4 and len(report.failed) == 2
    for name, text in zip(("a2.png", "more/deep.tif"), report.failed, strict=True):
        assert text.startswith(f"{images / name}: ") and "File name too long" in text
    assert (tmp_path / f"out/masks/{long}.png").is_file()
    assert [row["image"] for row in read_table(tmp_path / "out/summary.csv")] == [
        "a10.png",
        "more/alpha.png",
        "more/gray.png",
        f"{long}.jpg",
    ]


def test_stops_if_no_file_can_be_written(made, images, tmp_path, monkeypatch):
    def full(*args):
        raise WriteError("full") from OSError(28, "No space left on device")

    monkeypatch.setattr(PredictionWriter, "write", full)
    with pytest.raises(WriteError, match="full"):
        predict(*made, images, tmp_path / "out")
