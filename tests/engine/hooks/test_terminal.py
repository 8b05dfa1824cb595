# SPDX-License-Identifier: Apache-2.0
import re

from rankseg import apis
from rankseg.engine.hooks.terminal import class_lines, metric_table


def test_short_run_shows_what_is_trained_and_its_results(config_file, tmp_path, capsys):
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"))
    apis.train(cfg)
    text = capsys.readouterr().out
    before, first, rest = text.partition("1 of 4")
    assert first and len(before.splitlines()) <= 10
    for part in ("RankMatch", "2 labeled, 3 unlabeled, 2 validation", "4 iterations", "seed 0"):
        assert part in before
    assert re.search(r"  loss \d\.\d{4}  confident \d+%  \d+ s left\n", rest)
    assert rest.count("validation at") == 2 and "3 of 4" not in rest
    assert re.search(r"IoU: a \d+\.\d\d, b \d+\.\d\d, c \d+\.\d\d\n", rest)
    assert "Finished 4 iterations" in rest and "summary.json" in rest
    log = next((tmp_path / "run").glob("*/*.log")).read_text()
    for part in ("System environment", "Hooks will be executed", "Iter(val)", "per class results"):
        assert part in log and part not in text


def test_verbose_run_shows_the_log(config_file, tmp_path):
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"))
    runner = apis.train(cfg, verbose=True).runner
    assert not any(type(hook).__name__ == "TerminalHook" for hook in runner.hooks)


def test_bar_on_a_terminal(config_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    apis.train(apis.load_config(str(config_file), work_dir=str(tmp_path / "run")))
    text = capsys.readouterr().out
    assert "training" in text and "━" in text and "4 of 4  loss" in text
    assert "\x1b[?25h" in text.rpartition("━")[2]  # the cursor is visible again


def test_table_has_the_main_metric_first_and_a_row_for_each_network():
    metrics = {"aAcc": 50.0, "mIoU": 40.0, "fgIoU": 30.5, "teacher/mIoU": 41.0}
    metrics |= {"IoU/sky": 20.0, "IoU/road": float("nan")}
    table = metric_table(metrics, "validation at 5", "student", "fgIoU", "best so far")
    assert [line.split() for line in table.splitlines()] == [
        ["validation", "at", "5", "fgIoU", "mIoU", "aAcc"],
        ["student", "(predicts)", "30.50", "40.00", "50.00", "best", "so", "far"],
        ["teacher", "-", "41.00", "-"],
        ["IoU:", "sky", "20.00,", "road", "nan"],
    ]


def test_many_classes_are_shown_in_lines():
    metrics = {"mIoU": 1.0, **{f"IoU/c{k}": float(k) for k in range(11)}}
    assert "c10" not in metric_table(metrics, "x", "student", "mIoU")
    assert class_lines(metrics).splitlines()[-1].split() == ["c10", "10.00"]


def test_test_of_a_classifier_shows_its_confusion(class_run, capsys):
    cfg = apis.load_config(str(class_run), work_dir=str(class_run / "shown"))
    apis.test(cfg, str(class_run / "iter_6.pth"))
    text = capsys.readouterr().out
    assert "top1" in text and "true \\ predicted" in text and "0 blue" in text
