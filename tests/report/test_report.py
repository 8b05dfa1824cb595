# SPDX-License-Identifier: Apache-2.0
import re
import shutil

import pytest

from rankseg.report.report import PICTURES, TILES, extremes, report
from rankseg.report.run_predictions import Judged


def pictures(page: str, section: str) -> int:
    """Embedded pictures of a section."""
    body = re.search(f'<section id="{section}">(.*?)</section>', page, re.S)
    return body[1].count("<img ") if body else 0


def test_runs_of_one_data_set(toy_runs, tmp_path):
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
    assert "are not to be compared" not in page


def test_a_classifier(toy_runs, tmp_path):
    page = report([toy_runs["classes"]], tmp_path / "a.html").read_text()
    assert "top1 last" in page and 1 <= pictures(page, "best-and-worst") <= 4
    assert not pictures(page, "over-time")


def test_runs_of_different_data_are_not_compared(toy_runs, tmp_path, capsys):
    page = report([toy_runs["sup"], toy_runs["classes"]], tmp_path / "a.html", images=2).read_text()
    assert "so their numbers, classes and pictures are not to be compared" in page
    assert 'id="side-by-side"' not in page
    assert "Counted on 2 of 4 validation images" in page
    assert "sup: iter_4.pth on 2 validation images" in capsys.readouterr().out


def test_a_run_without_checkpoint_or_data_is_shown_by_its_logs(toy_runs, tmp_path):
    for name in ("no_weights", "no_data"):
        shutil.copytree(toy_runs["sup"], tmp_path / name)
    for file in (tmp_path / "no_weights").glob("*.pth"):
        file.unlink()
    (config,) = (tmp_path / "no_data").glob("*/vis_data/config.py")
    config.write_text(config.read_text().replace("/set'", "/gone'"))
    page = report([tmp_path], tmp_path / "a.html").read_text()
    assert "no_weights has no checkpoint iter_*.pth" in page
    assert re.search(r"No confusion and no pictures: [^<]*/gone[^<]*does not exist", page)
    assert 'id="curves"' in page and not pictures(page, "best-and-worst")


def test_nothing_is_predicted_where_that_is_not_wanted(toy_runs, tmp_path, monkeypatch):
    monkeypatch.setattr("rankseg.report.report.RunPredictor", None)
    page = report([toy_runs["sup"], toy_runs["rank"]], tmp_path / "a.html", predict=False)
    page = page.read_text()
    assert "No confusion" not in page and 'id="confusion"' not in page
    assert 'id="classes"' in page and pictures(page, "over-time") == 2


@pytest.mark.parametrize(
    ("out", "message"),
    [("a.pdf", "ends in '.pdf': expected a file name that ends in .html"), (".", "is a folder")],
)
def test_a_page_that_cannot_be_written_is_refused_first(toy_runs, tmp_path, out, message):
    with pytest.raises(ValueError, match=message):
        report([toy_runs["sup"]], tmp_path / out)
    with pytest.raises(ValueError, match="images=0"):
        report([toy_runs["sup"]], tmp_path / "a.html", images=0)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is no folder that can be written to"):
        report([toy_runs["sup"]], tmp_path / "file/a.html")


def test_no_image_is_among_the_best_and_the_worst():
    for count in (1, 2, 3, 50):
        scores = [float(10 * i) for i in range(count)]
        worst, best = extremes(Judged(None, list(range(100, 100 + count)), scores), False)
        assert worst[0] == 100 and not set(worst) & set(best)
        assert len(worst) == max(1, min(PICTURES, count // 2))
        assert not best or best[0] == 99 + count
    assert extremes(Judged(None, [5], [float("nan")]), False) == ([], [])


def test_a_classifier_shows_its_surest_mistakes():
    scores = [-50.0, 60.0, -99.0, 40.0]
    assert extremes(Judged(None, [1, 2, 3, 4], scores), True) == ([3, 1], [4, 2])
    many = Judged(None, list(range(99)), [1.0] * 99)
    assert extremes(many, True) == ([], list(range(TILES)))
