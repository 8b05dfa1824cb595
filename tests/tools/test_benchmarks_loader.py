# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "loader.py"


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("benchmark_loader", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_images(tool, tmp_path, capsys):
    out = tmp_path / "loader.json"
    size = ["--count", "3", "--crop", "65", "--width", "100", "--height", "75", "--batch", "3"]
    tool.main([*size, "--repeats", "1", "--out", str(out)])
    found = json.loads(out.read_text())
    assert len(found["images_per_second_and_core"]) == 5 and found["times_faster"] > 0
    assert "of decoding alone" in capsys.readouterr().out


def test_workers_are_compared_with_a_step(tool, tmp_path, capsys):
    out = tmp_path / "loader.json"
    size = ["--count", "3", "--crop", "65", "--width", "100", "--height", "75", "--batch", "2"]
    tool.main([*size, "--workers", "1", "--step", "50", "--repeats", "1", "--out", str(out)])
    found = json.loads(out.read_text())["images_per_second"]
    assert found["ours, 1 worker"] > 0
    share = round(100 * found["ours, 1 worker"] / 40)
    assert f"{share}% of the 40 that the steps consume" in capsys.readouterr().out


def test_raises_on_a_batch_of_more_images_than_there_are(tool, capsys):
    with pytest.raises(SystemExit):
        tool.main(["--count", "3", "--batch", "4"])
    assert "--batch <= --count" in capsys.readouterr().err


def test_both_pipelines_make_the_same_views(tool, tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.full((40, 60, 3), 200, np.uint8))
    paths = tool.list_images(tmp_path, 5)
    ((weak, strong1, strong2, ignore),) = tool.plain(paths, 65, seed=0)
    assert weak.shape == strong1.shape == strong2.shape == (3, 65, 65)
    inside = (ignore == 0).float()
    assert 0 < inside.mean() < 1
    grey = (200 / 255 - 0.485) / 0.229
    assert np.isclose(float(weak[0][ignore == 0].median()), grey, atol=0.02)


def test_raises_on_a_folder_without_images(tool, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tool.main(["--images", str(tmp_path)])
    assert "Expected *.jpg files in --images" in capsys.readouterr().err
