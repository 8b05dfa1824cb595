# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "tools" / "collect_results.py"


@pytest.fixture
def main():
    spec = importlib.util.spec_from_file_location("collect_results", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_prints_last_and_best_of_every_run(main, tmp_path, capsys):
    for seed, last in ((0, 40.04), (1, 44.0)):
        run = dict(config="configs/a.py", seed=seed, max_iters=30, seconds=90)
        run["last"] = {"iteration": 30, "mIoU": last, "IoU/car": 10.0}
        run["best"] = {"iteration": 20, "mIoU": 50.0}
        folder = tmp_path / "work" / str(seed)
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps(run))
    main([str(tmp_path), "--metric", "mIoU", "IoU/car"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[2] == "| configs/a.py | 0 | 30 of 30 | 40.0 | 50.0 at 20 | 10.0 | - | 2 |"


def test_prints_segmentation_and_classification_runs(main, tmp_path, capsys):
    for name, key in (("a", "mIoU"), ("b", "top1")):
        run = dict(config=f"configs/{name}.py", seed=0, max_iters=30, seconds=90)
        run["last"] = {"iteration": 30, key: 40.0}
        run["best"] = {"iteration": 20, key: 50.0}
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps(run))
    main([str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert "| mIoU last | mIoU best | top1 last | top1 best |" in lines[0]
    assert lines[2] == "| configs/a.py | 0 | 30 of 30 | 40.0 | 50.0 at 20 | - | - | 2 |"
    assert lines[3] == "| configs/b.py | 0 | 30 of 30 | - | - | 40.0 | 50.0 at 20 | 2 |"
    main([str(tmp_path / "b")])
    assert "mIoU" not in capsys.readouterr().out


def test_raises_without_runs(main, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "no summary.json" in capsys.readouterr().err
