# SPDX-License-Identifier: Apache-2.0
import re
import shutil

import pytest

from rankseg.report.report import PICTURES, TILES, extremes, report
from rankseg.report.run_predictions import Evaluation


def pictures(page: str, section: str) -> int:
    """Embedded pictures of a section."""
    body = re.search(f'<section id="{section}">(.*?)</section>', page, re.S)
    return body[1].count("<img ") if body else 0


def test_compares_runs_of_one_data_set(toy_runs, tmp_path):
    names = ("sup", "rank")
    out = report([toy_runs[name] for name in names], tmp_path / "new/report.html")
    page = out.read_text()
    assert "Report on 2 runs" in page
    assert all(f"{name}</span>" in page for name in names)
    assert pictures(page, "best-and-worst") == 2 * 4 * 3  # runs, images, columns
    assert pictures(page, "side-by-side") % 4 == 0 < pictures(page, "side-by-side")
    assert pictures(page, "over-time") == 2
    assert (toy_runs["rank"] / "curves.png").is_file()
    assert page.count('<table class="confusion few"') == 2
    assert "<code>model.type</code>" in page
    assert "cannot be compared" not in page


def test_report_on_a_classifier(toy_runs, tmp_path):
    page = report([toy_runs["classes"]], tmp_path / "a.html").read_text()
    assert "top1 last" in page and 1 <= pictures(page, "best-and-worst") <= 4
    assert not pictures(page, "over-time")


def test_does_not_compare_runs_of_different_data(toy_runs, tmp_path, capsys):
    page = report([toy_runs["sup"], toy_runs["classes"]], tmp_path / "a.html", images=2).read_text()
    assert "so their values, classes and images cannot be compared" in page
    assert 'id="side-by-side"' not in page
    assert "Counted on 2 of 4 validation images" in page
    assert "sup: iter_4.pth on 2 validation images" in capsys.readouterr().out


def test_shows_only_logs_without_checkpoint_or_data(toy_runs, tmp_path):
    for name in ("no_weights", "no_data"):
        shutil.copytree(toy_runs["sup"], tmp_path / name)
    for file in (tmp_path / "no_weights").glob("*.pth"):
        file.unlink()
    (config,) = (tmp_path / "no_data").glob("*/vis_data/config.py")
    config.write_text(config.read_text().replace("/set'", "/gone'"))
    page = report([tmp_path], tmp_path / "a.html").read_text()
    assert re.search("Expected run no_weights to have a checkpoint.* no iter_", page)
    assert re.search(r"No confusion matrix and no images: [^<]*/gone[^<]*does not exist", page)
    assert 'id="curves"' in page and not pictures(page, "best-and-worst")


def test_predicts_nothing_with_predict_false(toy_runs, tmp_path, monkeypatch):
    monkeypatch.setattr("rankseg.report.report.RunPredictor", None)
    page = report([toy_runs["sup"], toy_runs["rank"]], tmp_path / "a.html", predict=False)
    page = page.read_text()
    assert "No confusion" not in page and 'id="confusion"' not in page
    assert 'id="classes"' in page and pictures(page, "over-time") == 2


@pytest.mark.parametrize(
    ("out", "message"),
    [("a.pdf", "a file name that ends in .html, but got .*'.pdf'"), (".", "a folder")],
)
def test_raises_before_work_if_the_page_cannot_be_written(toy_runs, tmp_path, out, message):
    with pytest.raises(ValueError, match=message):
        report([toy_runs["sup"]], tmp_path / out)
    with pytest.raises(ValueError, match="images to be 1 or more, but got 0"):
        report([toy_runs["sup"]], tmp_path / "a.html", images=0)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="in a writable folder, but .*file is not"):
        report([toy_runs["sup"]], tmp_path / "file/a.html")


def test_extremes_do_not_overlap():
    for count in (1, 2, 3, 50):
        scores = [float(10 * i) for i in range(count)]
        worst, best = extremes(Evaluation(None, list(range(100, 100 + count)), scores), False)
        assert worst[0] == 100 and not set(worst) & set(best)
        assert len(worst) == max(1, min(PICTURES, count // 2))
        assert not best or best[0] == 99 + count
    assert extremes(Evaluation(None, [5], [float("nan")]), False) == ([], [])


def test_extremes_of_a_classifier_are_confident_mistakes():
    scores = [-50.0, 60.0, -99.0, 40.0]
    assert extremes(Evaluation(None, [1, 2, 3, 4], scores), True) == ([3, 1], [4, 2])
    many = Evaluation(None, list(range(99)), [1.0] * 99)
    assert extremes(many, True) == ([], list(range(TILES)))
