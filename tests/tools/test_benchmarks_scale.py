# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "scale.py"


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("benchmark_scale", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_parts(tool, tmp_path, capsys):
    out = tmp_path / "scale.json"
    size = ["--nodes", "600", "300", "--dim", "16", "--classes", "10", "--k", "5"]
    tool.main([*size, "--target", "1200", "--out", str(out)])
    found = json.loads(out.read_text())
    assert list(found["sizes"]) == ["300", "600"]
    for costs in found["sizes"].values():
        assert tuple(costs) == tool.PARTS
        assert costs["approximate"]["neighbors_found"] > 0.5
        assert costs["propagation"]["accuracy"] > 0.5
        assert costs["retrieval"]["recall1"] > 1
    assert set(found["estimates"]) == set(tool.PARTS)
    assert "for 1,200 images" in capsys.readouterr().out


def test_the_growth_is_continued(tool):
    sizes = {10: {"exact": {"cpu": 1.0, "mib": 5.0}}, 20: {"exact": {"cpu": 4.0, "mib": 10.0}}}
    found = tool.growth(sizes, 40)["exact"]
    assert found == pytest.approx(
        {"cpu_exponent": 2, "cpu_at_target": 16, "mib_exponent": 1, "mib_at_target": 20}
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--nodes", "1500"], "--nodes of at least twice --classes"),
        (["--parts", "propagation"], "--parts approximate with propagation"),
    ],
)
def test_raises_on_bad_input(tool, capsys, options, message):
    with pytest.raises(SystemExit):
        tool.main(options)
    assert message in capsys.readouterr().err
