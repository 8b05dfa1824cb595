# SPDX-License-Identifier: Apache-2.0
import base64
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from setuptools.dist import Distribution

import rankseg
from rankseg.report.page import Embedded, label_map, photo, render
from rankseg.report.page_tables import notes, same_settings
from rankseg.report.run_folder import Scalars
from rankseg.report.run_result import ImageComparison, ImageResult, RunResult
from rankseg.utils.run_summary import lags

PALETTE = [(0, 0, 0), (255, 160, 0), (0, 0, 255)]
VOID = {"meta", "img", "br"}


class Checked(HTMLParser):
    """Refuses elements that are not closed, and everything that would load a file."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.words = [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, name: str, attributes: list) -> None:
        for key, value in attributes:
            assert not key.endswith(("src", "href")) or value.startswith(("data:", "#"))
            assert not key.startswith("on")
        assert name not in ("script", "link", "iframe")
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", " ".join(Checked(html).words))


def section(page: str, name: str) -> str:
    """Words of a section; empty if the page does not have it."""
    words(page)
    body = re.search(f'<section id="{name}"><h2>.*?</h2>(.*?)</section>', page, re.S)
    return words(body[1]).strip() if body else ""


def result(run, names=("cat", "<dog>"), **more) -> RunResult:
    image = np.zeros((8, 9, 3), np.uint8)
    one = ImageResult("images/<x>.png", 12.5, image, image[..., 0], image[..., 0])
    settings = dict(
        classes=list(names),
        palette=PALETTE,
        checkpoint="iter_30.pth",
        images=(4, 4),
        confusion=np.array([[3, 1], [2, 4]]),
        best=[one],
        worst=[one],
    )
    return RunResult(run, **settings | more)


def test_installed_package_contains_the_template(monkeypatch):
    root = Path(rankseg.__file__).parents[1]
    monkeypatch.chdir(root)
    installed = Distribution()
    installed.parse_config_files(["setup.cfg"])
    build = installed.get_command_obj("build_py")
    build.ensure_finalized()
    files = {f"{package}/{name}" for package, _, _, names in build.data_files for name in names}
    assert "rankseg.report/templates/page.html.jinja" in files


def test_page_of_two_runs_is_complete_and_loads_nothing(make_run):
    values = {"IoU/cat": 40.0, "IoU/<dog>": 60.0}
    ones = [result(make_run(name, values=values, lr=i)) for i, name in enumerate(("<a>", "b&b"))]
    side = [ImageComparison(ones[0].best[0], {"<a>": (np.zeros((8, 9), int), 1.0)})]
    page = render(ones, side, "1.0", now=datetime(2026, 11, 21, 12, 0))
    text = words(page)
    for word in ("Report on 2 runs", "21 November 2026", "<a>", "b&b", "<dog>", "images/<x>.png"):
        assert word in text
    for name in ("results", "curves", "classes", "confusion", "side-by-side", "settings"):
        assert f'<section id="{name}">' in page and f'href="#{name}"' in page
    assert "<a>" not in page and "<dog>" not in page and "<x>" not in page
    assert "model.lr" in text and "@import" not in page
    assert "url(" not in page.replace("url(#", ""), "only clip paths of charts"


def test_escapes_markup_and_control_characters_once(make_run):
    name = "<script>&\"'\x1b"
    page = render([result(make_run(name), [name, "cat"])])
    assert name in words(page).replace("\\x1b", "\x1b") and "\x1b" not in page
    assert "<script>" not in page and "&amp;lt;" not in page
    assert 'title="&lt;script&gt;&amp;&#34;&#39;\\x1b predicted as cat: 25.00% (1)"' in page


def test_explains_its_metrics(make_run):
    text = words(render([result(make_run(metric="fgIoU"))]))
    assert "Metrics are in percent. fgIoU is the IoU of all classes but the first" in text
    assert "IoU is that of <dog>." in text and "mIoU is the mean" not in text
    text = words(render([result(make_run())]))
    assert "Metrics are in percent. mIoU is the mean of the IoU over all classes." in text
    assert "IoU is the mean over the classes of an image." in text and "fgIoU" not in text


def test_page_of_a_run_that_has_just_begun(make_run):
    page = render([RunResult(make_run(last=None, scalars=Scalars({}, {})))])
    assert "has no validation yet (0 of 30 iterations)" in section(page, "results")
    assert "curves" not in page.split("<main>")[1]


def test_results_show_last_best_and_mean_over_seeds(make_run):
    runs = [make_run(str(i), 50.0 + i, seed=i) for i in range(3)] + [make_run("other", 9.0, lr=7)]
    assert [len(group) for group in same_settings(runs)] == [3, 1]
    text = section(render([RunResult(run) for run in runs]), "results")
    assert "50.0 51.0 (20)" in text and "51.0 ± 1.0" in text and "0, 1, 2" in text
    assert "±" not in section(render([RunResult(run) for run in runs[2:]]), "results")


def test_results_have_a_column_for_the_foreground_of_two_classes(make_run):
    def head(*runs) -> str:
        page = render([RunResult(run) for run in runs])
        return words(re.search("<thead>.*?</thead>", page, re.S)[0]).strip()

    two = {"IoU/background": 97.0, "IoU/cell": 61.0}
    assert "IoU/cell last" in head(make_run(values=two))
    assert "IoU/" not in head(make_run(values={**two, "IoU/rim": 1.0}))
    foreground = make_run("b", metric="fgIoU", values={**two, "mIoU": 79.0})
    assert head(foreground).startswith("run fgIoU last best (at) mIoU last seed")
    assert head(foreground, make_run()).count("mIoU last") == 1


def test_classes_of_all_runs_are_in_one_table(make_run):
    one = make_run("a", values={"IoU/cat": 40.0, "IoU/dog": float("nan")})
    other = make_run("b", values={"IoU/cat": 45.5})
    text = section(render([RunResult(one), RunResult(other)]), "classes")
    assert "cat 40.0 45.5" in text and "dog – –" in text
    apart = section(render([RunResult(one), RunResult(other)], problem="Not the same."), "classes")
    assert "cat 40.0 dog –" in apart and "cat 45.5" in apart
    assert not section(render([RunResult(make_run("c"))]), "classes")


@pytest.mark.parametrize(("image_level", "percent"), [(False, "50.0"), (True, "75.0")])
def test_classes_that_a_run_did_not_log_are_counted(make_run, image_level, percent):
    matrix = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    names = ["cat", "dog", "none"]
    one = result(make_run(), names, image_level=image_level, confusion=matrix, best=[], worst=[])
    text = section(render([one]), "classes")
    assert f"cat {percent}" in text and "none" not in text


def test_confusion_is_in_percent_of_the_true_class(make_run):
    text = section(render([result(make_run())]), "confusion")
    assert "cat 75.0 25.0" in text and "<dog> 33.3 66.7" in text
    assert "Counted on all 4 validation images." in text


def test_confusion_of_a_class_without_pixels_has_no_percent(make_run):
    page = render([result(make_run(), confusion=np.array([[3, 1], [0, 0]]))])
    assert "<dog> – –" in section(page, "confusion")
    assert 'title="no pixels of class &lt;dog&gt;"' in page


def test_confusion_of_many_classes_lists_the_most_frequent(make_run):
    matrix = np.diag(np.full(50, 10))
    matrix[3, 8] = 30
    one = result(make_run(), [f"k{i}" for i in range(50)], confusion=matrix)
    text = section(render([one]), "confusion")
    assert "k3 k8 75.0 30" in text and "k4" not in text


def test_notes_say_what_to_know_before_trusting_values(make_run):
    warned = make_run("a", warnings={"step skipped": 3, "slow": 1})
    one = result(warned, confusion=np.array([[4, 0], [5, 0]]))
    other = RunResult(make_run("b", values={"IoU/dog": 0.0}), problem="No checkpoint.")
    text = section(render([one, other], problem="Not the same data."), "notes")
    for word in (
        "Not the same data.",
        "never predicts <dog>.",
        "step skipped (3 times)",
        "slow",
        "No checkpoint.",
        "has an IoU of 0 for dog.",
    ):
        assert word in text
    assert not section(render([RunResult(make_run())]), "notes")


def test_many_notes_are_collapsed(make_run):
    page = render([RunResult(make_run(warnings={f"warning {i}": 1 for i in range(10)}))])
    assert "2 more of a" in section(page, "notes") and "warning 9" in section(page, "notes")


@pytest.mark.parametrize(("score", "word"), [(-93.0, "wrong-word"), (51.0, "right-word")])
def test_classifier_shows_the_predicted_class_of_images(make_run, score, word):
    label = np.array([[1]])
    truth = label if score > 0 else np.array([[0]])
    one = ImageResult("a.png", score, np.zeros((4, 4, 3), np.uint8), truth, label)
    run = RunResult(make_run(metric="top1"), None, ["cat", "dog"], image_level=True, worst=[one])
    page = render([run], [ImageComparison(one, {"a": (label, score)})])
    assert f"dog {abs(score):.0f}%" in words(page) and f'class="{word}"' in page
    assert ("true: cat" in section(page, "best-and-worst")) == (score < 0)


def decode(embedded: Embedded) -> tuple[str, np.ndarray]:
    kind, data = re.fullmatch(r"data:image/(\w+);base64,(.+)", embedded.source).groups()
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    return kind, picture[..., ::-1]


def test_embeds_small_pictures():
    kind, picture = decode(photo(np.full((600, 300, 3), 200, np.uint8)))
    assert kind == "jpeg" and picture.shape == (256, 128, 3) and abs(picture.mean() - 200) < 2
    kind, picture = decode(photo(np.full((32, 30, 3), 7, np.uint8)))
    assert kind == "png" and picture.shape == (32, 30, 3) and (picture == 7).all()


def test_label_maps_keep_their_colors():
    label = np.array([[0, 1], [255, 1]]).repeat(300, 0).repeat(300, 1)
    kind, picture = decode(label_map(label, [(1, 2, 3), (40, 50, 60)]))
    assert kind == "png" and picture.shape == (256, 256, 3)
    assert {tuple(map(int, c)) for c in picture.reshape(-1, 3)} == {
        (1, 2, 3),
        (40, 50, 60),
        (255, 255, 255),
    }


def test_notes_name_an_average_that_lags_once(make_run):
    values = {"student/mIoU": 60.0}
    sentence = lags({"mIoU": 50.0, **values}, "mIoU")
    run = make_run(values=values, warnings={sentence: 1, "Something else": 2})
    assert notes(RunResult(run)) == [sentence, "Something else (2 times)"]
