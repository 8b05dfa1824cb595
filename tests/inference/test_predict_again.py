# SPDX-License-Identifier: Apache-2.0
"""Predictions that continue or replace an earlier one."""

import copy
import os

import numpy as np
import pytest
import tifffile

from rankseg.apis import Inferencer, predict
from rankseg.imageio.masks import read_mask
from rankseg.testing.predicting import (
    EVERYTHING,
    picture,
    read_files,
    read_table,
)


def test_overwrite_removes_all_earlier_results(made, images, tmp_path, monkeypatch):
    out, wanted = tmp_path / "out", tmp_path / "wanted"
    predict(*made, images, out, weights="student", outputs=EVERYTHING)
    predict(*made, images, wanted, weights="teacher")
    plain, calls = Inferencer.predict_into, []

    def stop(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(Inferencer, "predict_into", stop)
    with pytest.raises(KeyboardInterrupt):
        predict(*made, images, out, weights="teacher", overwrite=True)
    monkeypatch.undo()
    report = predict(*made, images, out, weights="teacher", skip_existing=True)
    assert (report.done, report.skipped) == (4, 2)
    assert read_files(out) == read_files(wanted)


def test_adds_outputs_that_are_requested_later(made, images, tmp_path):
    out, whole = tmp_path / "out", tmp_path / "whole"
    predict(*made, images, out)
    assert predict(*made, images, out, skip_existing=True, outputs=EVERYTHING).done == 6
    predict(*made, images, whole, outputs=EVERYTHING)
    assert read_files(out) == read_files(whole)


def test_raises_on_continuing_with_a_rewritten_checkpoint(made, images, tmp_path):
    checkpoint = tmp_path / "c.pth"
    checkpoint.write_bytes(made[1].read_bytes())
    predict(made[0], checkpoint, images, tmp_path / "out")
    os.utime(checkpoint, (1, 1))
    with pytest.raises(ValueError, match="were made with checkpoint_written="):
        predict(made[0], checkpoint, images, tmp_path / "out", skip_existing=True)


def test_raises_on_continuing_with_other_model_settings(made, images, tmp_path):
    predict(*made, images, tmp_path / "out")
    cfg = copy.deepcopy(made[0])
    cfg.model.ramp = 7
    with pytest.raises(ValueError, match="were made with fingerprint of the model's settings="):
        predict(cfg, made[1], images, tmp_path / "out", skip_existing=True)


def test_counts_a_damaged_mask_once(made, images, tmp_path):
    predict(*made, images, tmp_path / "out")
    (tmp_path / "out/masks/b.png").write_text("x")
    report = predict(*made, images, tmp_path / "out", skip_existing=True)
    assert (report.done, report.skipped, len(report.failed)) == (0, 5, 1)


def test_continues_after_an_interruption(made, images, tmp_path, monkeypatch):
    tifffile.imwrite(
        images / "z.tif",
        np.stack([picture(seed=i)[..., 0] for i in range(2)]),
        photometric="minisblack",
    )
    out, whole = tmp_path / "out", tmp_path / "whole"
    predict(*made, images, whole, outputs=EVERYTHING)
    plain, calls = Inferencer.predict_into, []

    def stop(self, *arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return plain(self, *arguments)

    monkeypatch.setattr(Inferencer, "predict_into", stop)
    with pytest.raises(KeyboardInterrupt):
        predict(*made, images, out, outputs=EVERYTHING)
    assert len(read_table(out / "summary.csv")) == 3
    monkeypatch.undo()
    mask = next((out / "masks").rglob("*.png"))
    before = mask.stat().st_mtime_ns
    report = predict(*made, images, out, skip_existing=True, outputs=EVERYTHING)
    assert (report.done, report.skipped) == (4, 3) and mask.stat().st_mtime_ns == before
    assert read_files(out) == read_files(whole)
    assert predict(*made, images, out, skip_existing=True, outputs=EVERYTHING).skipped == 7
    assert read_files(out) == read_files(whole)


def test_continuing_keeps_the_measured_range(made, tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(2):
        page = picture(seed=i)[..., 0].astype(np.uint16) * (20 * i + 2)
        tifffile.imwrite(tmp_path / f"in/{i}.tif", page)
    predict(*made, tmp_path / "in", tmp_path / "both")
    kept = (tmp_path / "in/1.tif").rename(tmp_path / "1.tif")
    predict(*made, tmp_path / "in", tmp_path / "out")
    kept.rename(tmp_path / "in/1.tif")
    report = predict(*made, tmp_path / "in", tmp_path / "out", skip_existing=True)
    assert (
        report.skipped == 1 and "the range that the earlier prediction measured" in report.notes[0]
    )
    mask = read_mask(tmp_path / "out/masks/1.png")
    assert not np.array_equal(mask, read_mask(tmp_path / "both/masks/1.png"))
