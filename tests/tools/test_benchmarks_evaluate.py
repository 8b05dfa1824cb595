# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "tools" / "benchmarks" / "evaluate.py"


def test_both_validations_agree(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("benchmark_evaluate", PATH)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    inner = tool.load_config

    def narrow(file):
        cfg = inner(file)
        cfg.model.student.backbone.update(base_channels=8, stem_channels=8)
        cfg.model.student.decode_head.update(channels=16, c1_channels=8)
        return cfg

    monkeypatch.setattr(tool, "load_config", narrow)
    monkeypatch.setattr(tool, "SIZES", {"whole": (40, 52), "slide": (40, 90)})
    out = tmp_path / "evaluate.json"
    size = ["--count", "2", "--window", "33", "--workers", "0", "--repeats", "1"]
    tool.main([*size, "--out", str(out)])
    found = json.loads(out.read_text())["parts"]
    assert set(found) == {"whole", "slide"}
    for part in found.values():
        assert part["time_over_mmseg"] > 0
        assert abs(part["mIoU_ours"] - part["mIoU_mmseg"]) < 1e-3
    assert "time_over_mmseg" in capsys.readouterr().out
