# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

import pytest

from rankseg.models.torchvision_operators import declare_missing_operators

declare_missing_operators()
pytest.importorskip("timm")

FILE = Path(__file__).resolve().parents[2] / "tools/benchmarks/encoders.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_encoders", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_frozen_teacher_and_student_share_the_encoder(benchmark, tmp_path, capsys):
    out = tmp_path / "encoders.json"
    name = "vit_tiny_patch16_224"
    size = ["--encoders", name, "--crop", "40", "--repeats", "1"]
    benchmark.main([*size, "--out", str(out)])
    found = json.loads(out.read_text())
    assert set(found["cases"]) == {
        f"{name} {case}" for case in ("full", "lora", "frozen", "UniMatch", "UniMatchV2")
    }
    assert len(found["ratios"]) == 3
    held = found["parameters_mib"]
    assert held[f"{name} frozen"] == pytest.approx(held[f"{name} full"] / 2, rel=0.01)
    assert "x memory" in capsys.readouterr().out


def test_raises_on_one_image(benchmark):
    with pytest.raises(SystemExit):
        benchmark.parse_args(["--batch", "1"])
