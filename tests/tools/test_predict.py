# SPDX-License-Identifier: Apache-2.0
"""The command line of predict.py; what it writes is tested in tests/inference/test_predict.py."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch

from rankseg.testing.predicting import picture, saved

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def main():
    spec = importlib.util.spec_from_file_location("tools_predict", ROOT / "tools/predict.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return [str(path) for path in saved(tmp_path_factory.mktemp("made"))]


@pytest.fixture
def images(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"in/{i}.png"), picture(seed=i))
    return tmp_path / "in"


def test_predicts_a_folder(main, made, images, tmp_path, capsys):
    out = tmp_path / "out"
    main([*made, str(images), "--out", str(out), "--window", "32", "--no-overlays", "--flip"])
    assert capsys.readouterr().out == f"Predicted 3 images. Results are in {out}.\n"
    assert sorted(p.name for p in out.iterdir()) == [
        "masks",
        "overview.png",
        "prediction.json",
        "summary.csv",
    ]
    bare = ["--no-overlays", "--skip-existing"]
    main([*made, str(images), "--out", str(out), "--window", "32", "--flip", *bare])
    assert "Predicted 0 images, kept 3 from an earlier prediction" in capsys.readouterr().out


def test_scales_16_bits_like_the_data_set(main, made, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/stacks.json").write_text('{"value_range": [0, 65535]}')
    pages = picture()[..., 0].astype(np.uint16)[None].repeat(2, 0) * 100
    tifffile.imwrite(tmp_path / "s.tif", pages, photometric="minisblack")
    for options in ([], ["--data-root", str(tmp_path / "set")]):
        main([*made, str(tmp_path / "s.tif"), "--out", str(tmp_path / f"{len(options)}"), *options])
        assert ("have more than 8 bits and were scaled from" in capsys.readouterr().out) == (
            not options
        )


def test_lists_unreadable_files_at_the_end(main, made, images, tmp_path, capsys):
    (images / "1.png").write_text("no image")
    with pytest.raises(SystemExit) as stop:
        main([*made, str(images), "--out", str(tmp_path / "out")])
    shown = capsys.readouterr()
    assert stop.value.code == 1 and shown.out.startswith("Predicted 2 images.")
    lines = shown.err.strip().splitlines()
    assert lines[-2].startswith("failed: Expected image ") and "1.png" in lines[-2]
    assert lines[-1].startswith("1 of 3 images failed. The list is in ")


def test_interruption_prints_how_to_continue(main, made, images, tmp_path, capsys, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("rankseg.apis.Inferencer.predict_into", stop)
    with pytest.raises(SystemExit) as stopped:
        main([*made, str(images), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 130 and "--skip-existing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(input="empty"), "contains none"),
        (dict(input="nothing"), "nothing to be an image or a folder"),
        (dict(out="in/out"), "outside the input folder"),
        (dict(out="in"), "outside the input folder"),
        (dict(out="."), "to be empty or to contain predictions"),
        (dict(out="code.pth/x"), "is a file"),
        (dict(checkpoint="nothing.pth"), "nothing.pth does not exist"),
        (dict(checkpoint="in/0.png"), "0.png is damaged or not a checkpoint"),
        (dict(checkpoint="code.pth"), "add --trust-checkpoint"),
        (
            dict(more=["--window", "3"]),
            "window to be auto, 0 (no windows) or a side of at least 16 pixels, but got 3",
        ),
        (dict(more=["--binary-255"]), "two classes for masks of 0 and 255, but got 3"),
    ],
)
def test_user_errors_print_one_message_and_write_nothing(
    main, made, images, tmp_path, capsys, change, message
):
    (tmp_path / "empty").mkdir()
    torch.save({"state_dict": {}, "x": picture}, tmp_path / "code.pth")
    config, checkpoint = made
    checkpoint = str(tmp_path / change["checkpoint"]) if "checkpoint" in change else checkpoint
    places = [str(tmp_path / change.get(key, key)) for key in ("input", "out")]
    places[0] = str(images) if "input" not in change else places[0]
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        main([config, checkpoint, places[0], "--out", places[1], *change.get("more", [])])
    error = capsys.readouterr().err.strip().splitlines()
    assert stop.value.code == 2 and len(error) == 1
    assert error[0].startswith("error: ") and message in error[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_reports_an_image_that_exceeds_the_memory(main, made, tmp_path, capsys, monkeypatch):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((64, 64, 3), np.uint8))
    monkeypatch.setattr("rankseg.inference.maps.available_memory", lambda: 2**16)
    with pytest.raises(SystemExit) as stop:
        main([*made, str(tmp_path / "a.png"), "--out", str(tmp_path / "out")])
    assert stop.value.code == 1
    assert "a.png of 64x64 pixels to fit into memory" in capsys.readouterr().err


@pytest.mark.parametrize("window", ["abc", "-3", "1.5"])
def test_raises_on_a_window_that_is_no_number(main, window, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["c.py", "w.pth", "images", "--out", "out", f"--window={window}"])
    assert f"auto or a number of pixels such as 513, but got '{window}'" in capsys.readouterr().err
