# SPDX-License-Identifier: Apache-2.0
"""Pictures of assembly weights, of files and of a data set."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from torch.nn import functional as F

from rankseg.analysis.assembly_maps import assembly_maps, describe, find_assembly, weights_of
from rankseg.apis import load_config
from rankseg.inference.load import load_method
from rankseg.testing.random_run import random_run
from rankseg.testing.toy import toy_student

TEACHER = dict(type="MeanTeacher", teacher=dict(momentum=0.1), predict_on="teacher")


def extended():
    module = dict(type="SpatialAssembly", in_channels=32, grid=2, hidden_channels=4)
    insert = dict(at="backbone.layer3", module=module)
    return toy_student().to_dict() | dict(type="ExtendedSegmentor", insert=insert)


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        image = rng.integers(0, 256, (65, 80, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


@pytest.fixture
def run(tmp_path) -> tuple[Path, Path]:
    return random_run(tmp_path, extended(), **TEACHER)


def test_draws_image_files(run, photos, tmp_path, capsys):
    config, checkpoint = run
    out = tmp_path / "maps.png"
    cfg = load_config(str(config))
    assert assembly_maps(cfg, str(checkpoint), [photos], out=out, images=2, points=3) == out
    height, width = cv2.imread(str(out)).shape[:2]
    assert height == 28 + 2 * 186 and width > 5 * 180
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["0.png", "2.png"]
    assert all("of 2.00 bits, sums of rows within" in line for line in lines)


def test_weights_match_those_of_the_forward_pass(run):
    config, checkpoint = run
    cfg = load_config(str(config))
    init_default_scope("rankseg")
    method = load_method(cfg, str(checkpoint), device="cpu").eval()
    image = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    found = {}
    for name in ("student", "teacher"):
        segmentor = method.network(name)
        assembly, seen = find_assembly(segmentor), []
        assembly.register_forward_hook(lambda module, x, y, seen=seen: seen.append((x[0], y)))
        weights = weights_of(method, segmentor, assembly, image).exp()
        before, after = seen[0]  # maps of 4 x 4: blocks of 2 x 2
        vectors = before.view(1, 32, 2, 2, 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(1, 4, -1)
        moved = (weights.transpose(1, 2) @ vectors).view(1, 2, 2, 32, 2, 2)
        moved = moved.permute(0, 3, 1, 4, 2, 5).reshape(before.shape)
        torch.testing.assert_close(after, moved, rtol=0, atol=1e-5)
        found[name] = weights
    assert not torch.allclose(*found.values(), atol=1e-3)


def test_describes_the_weights():
    text = describe(torch.eye(4)[None].log())
    assert text.startswith("100% of the weight stays in place, entropy 0.00 of 2.00 bits")
    even = describe(torch.full((1, 4, 4), 0.25).log())
    assert even.startswith("25% of the weight stays in place, entropy 2.00 of 2.00 bits")
    uneven = F.one_hot(torch.tensor([[0, 0, 1, 2]]), 4).float().transpose(1, 2)
    assert "sums of rows within 1 of 1" in describe(uneven.log())


def test_raises_on_invalid_options_and_configs(run, photos, tmp_path):
    config, checkpoint = run
    cfg, out = load_config(str(config)), tmp_path / "maps.png"
    with pytest.raises(ValueError, match="images to be 1 or more, but got 0"):
        assembly_maps(cfg, str(checkpoint), [photos], out=out, images=0)
    with pytest.raises(FileNotFoundError, match="no_such"):
        assembly_maps(cfg, str(checkpoint), [tmp_path / "no_such"], out=out)
    config, checkpoint = random_run(tmp_path, toy_student().to_dict(), "plain")
    cfg = load_config(str(config))
    with pytest.raises(ValueError, match="model.student.type='ExtendedSegmentor' with a Spatial"):
        assembly_maps(cfg, str(checkpoint), [photos], out=out)
    with pytest.raises(ValueError, match="has no teacher"):
        assembly_maps(cfg, str(checkpoint), [photos], out=out, network="teacher")
    assert not out.exists()


def test_tool_writes_a_picture(run, photos, tmp_path, capsys, monkeypatch):
    path = Path(__file__).parents[2] / "tools" / "assembly_maps.py"
    spec = importlib.util.spec_from_file_location("assembly_maps_tool", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    config, checkpoint = run
    monkeypatch.chdir(tmp_path)
    tool.main([str(config), str(checkpoint), str(photos), "--network", "student"])
    assert "assembly_maps.png" in capsys.readouterr().out.splitlines()[-1]
    assert len(list(tmp_path.glob("work_dirs/**/assembly_maps.png"))) == 1
