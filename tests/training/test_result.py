# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from rankseg import apis


@pytest.fixture
def trained(config_file, tmp_path):
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run<1>"))
    return apis.train(cfg)  # 4 iterations, a validation and a checkpoint every 2


def test_result_names_what_the_run_has_written(trained, tmp_path):
    folder = tmp_path / "run<1>"
    assert trained.folder == folder and trained.last == folder / "iter_4.pth"
    (best,) = folder.glob("best_*.pth")
    assert trained.best == best
    written = json.loads((folder / "summary.json").read_text())
    assert trained.history == written["history"]
    assert [one["iteration"] for one in trained.history] == [2, 4]
    assert trained.metrics == trained.history[-1] and trained.best_metrics == written["best"]
    assert trained.iterations == 4 and trained.metric == "mIoU"
    assert trained.model is trained.runner.model


def test_notebook_shows_metrics_and_checkpoints(trained):
    html = trained._repr_html_()
    assert f"{trained.metrics['mIoU']:.1f} (iteration 4)" in html
    assert "run&lt;1&gt;/iter_4.pth" in html and "run<1>" not in html


def test_run_without_validation(config_file, tmp_path):
    text = config_file.read_text() + "\nval_dataloader = val_evaluator = None\n"
    config_file.write_text(text)
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"))
    result = apis.train(cfg)
    assert result.metrics == result.best_metrics == {} and result.history == []
    assert result.metric is None and result.best is None and result.last.name == "iter_4.pth"
    assert "none" in result._repr_html_()
