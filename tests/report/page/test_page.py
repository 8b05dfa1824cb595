# SPDX-License-Identifier: Apache-2.0
import re
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pytest
from rankseg.report.page.classes import class_table, confusion
from rankseg.report.page.notes import notes
from rankseg.report.page.results import results, same_settings

from rankseg.report.page import Picture, Seen, SideBySide, render
from rankseg.report.run_folder import Scalars

PALETTE = [(0, 0, 0), (255, 160, 0), (0, 0, 255)]
VOID = {"meta", "img", "br"}


class Checked(HTMLParser):
    """Refuses elements that are not closed, and whatever a page would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.words = [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, name: str, attributes: list) -> None:
        for key, value in attributes:
            assert key not in ("src", "href") or value.startswith(("data:", "#"))
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


def seen(run, names=("cat", "<dog>"), **more) -> Seen:
    image = np.zeros((8, 9, 3), np.uint8)
    picture = Picture("images/<x>.png", 12.5, image, image[..., 0], image[..., 0])
    return Seen(
        run,
        classes=list(names),
        palette=PALETTE,
        checkpoint="iter_30.pth",
        images=(4, 4),
        confusion=np.array([[3, 1], [2, 4]]),
        best=[picture],
        worst=[picture],
        **more,
    )


def test_a_page_of_two_runs_is_whole_and_loads_nothing(make_run):
    numbers = {"IoU/cat": 40.0, "IoU/<dog>": 60.0}
    ones = [seen(make_run(name, numbers=numbers, lr=i)) for i, name in enumerate(("<a>", "b&b"))]
    side = [SideBySide(ones[0].best[0], {"<a>": (np.zeros((8, 9), int), 1.0)})]
    page = render(ones, side, "1.0", now=datetime(2026, 11, 21, 12, 0))
    said = words(page)
    for word in ("Report on 2 runs", "21 November 2026", "<a>", "b&b", "<dog>", "images/<x>.png"):
        assert word in said
    for section in ("results", "curves", "classes", "confusion", "side-by-side", "settings"):
        assert f'<section id="{section}">' in page and f'href="#{section}"' in page
    assert "<a>" not in page and "<dog>" not in page and "<x>" not in page
    assert "model.lr" in said and "@import" not in page and "url(" not in page


def test_it_says_what_its_figures_are(make_run):
    said = words(render([seen(make_run(metric="fgIoU"))]))
    assert "In percent; fgIoU is the IoU of all classes but the first" in said
    assert "IoU is that of <dog>." in said and "mIoU is the mean" not in said
    said = words(render([seen(make_run())]))
    assert "In percent; mIoU is the mean of the IoU over all classes." in said
    assert "IoU is the mean over the classes of an image." in said and "fgIoU" not in said


def test_a_page_of_a_run_that_has_just_begun(make_run):
    run = make_run(last=None, scalars=Scalars({}, {}))
    page = render([Seen(run)])
    said = words(page)
    assert "has no validation yet (0 of 30 iterations)" in said
    assert "curves" not in page.split("<main>")[1]


def test_last_and_best_and_the_mean_over_seeds(make_run):
    runs = [make_run(str(i), 50.0 + i, seed=i) for i in range(3)] + [make_run("other", 9.0, lr=7)]
    assert [len(group) for group in same_settings(runs)] == [3, 1]
    said = words(results(runs))
    assert "50.0 51.0 (20)" in said and "51.0 ± 1.0" in said and "0, 1, 2" in said
    assert "±" not in words(results(runs[2:])).split("Over seeds")[0]


def test_the_foreground_of_two_classes_has_a_column(make_run):
    two = {"IoU/background": 97.0, "IoU/cell": 61.0}
    assert "IoU/cell last" in words(results([make_run(numbers=two)]))
    assert "IoU/" not in words(results([make_run(numbers={**two, "IoU/rim": 1.0})]))
    judged = make_run("b", metric="fgIoU", numbers={**two, "mIoU": 79.0})
    head = re.search("<thead>.*?</thead>", results([judged]))[0]
    assert words(head).startswith("run fgIoU last best (at) mIoU last seed")
    head = re.search("<thead>.*?</thead>", results([judged, make_run()]))[0]
    assert words(head).count("mIoU last") == 1


def test_numbers_of_each_class_stand_beside_each_other(make_run):
    one = make_run("a", numbers={"IoU/cat": 40.0, "IoU/dog": float("nan")})
    other = make_run("b", numbers={"IoU/cat": 45.5})
    said = words(class_table([(0, Seen(one)), (1, Seen(other))]))
    assert "cat 40.0 45.5" in said and "dog – –" in said
    assert class_table([(0, Seen(make_run("c")))]) == ""


@pytest.mark.parametrize(("image_level", "percent"), [(False, "50.0"), (True, "75.0")])
def test_classes_that_a_run_has_not_noted_are_counted(make_run, image_level, percent):
    one = seen(make_run(), ["cat", "dog", "none"], image_level=image_level)
    one.confusion = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    said = words(class_table([(0, one)]))
    assert f"cat {percent}" in said and "none" not in said


def test_confusion_is_in_percent_of_the_truth(make_run):
    said = words(confusion(0, seen(make_run())))
    assert "cat 75.0 25.0" in said and "<dog> 33.3 66.7" in said


def test_a_class_that_is_not_there_has_no_percent(make_run):
    one = seen(make_run())
    one.confusion = np.array([[3, 1], [0, 0]])
    assert "<dog> – –" in words(confusion(0, one))


def test_many_classes_are_a_list_of_the_worst(make_run):
    one = seen(make_run(), [f"k{i}" for i in range(50)])
    one.confusion = np.diag(np.full(50, 10))
    one.confusion[3, 8] = 30
    said = words(confusion(0, one))
    assert "k3 k8 75.0 30" in said and "k4" not in said


def test_notes_say_what_to_know_before_believing(make_run):
    warned = make_run("a", warnings={"step skipped": 3, "slow": 1})
    one = seen(warned)
    one.confusion = np.array([[4, 0], [5, 0]])
    other = Seen(make_run("b", numbers={"IoU/dog": 0.0}), problem="No checkpoint.")
    said = words(notes([one, other], "Not the same data."))
    for word in (
        "Not the same data.",
        "never predicts <dog>.",
        "step skipped (3 times)",
        "slow",
        "No checkpoint.",
        "has an IoU of 0 for dog.",
    ):
        assert word in said
    assert notes([Seen(make_run())]) == ""


@pytest.mark.parametrize(("score", "word"), [(-93.0, "wrong-word"), (51.0, "right-word")])
def test_a_classifier_shows_what_an_image_is_taken_for(make_run, score, word):
    label = np.array([[1]])
    truth = label if score > 0 else np.array([[0]])
    picture = Picture("a.png", score, np.zeros((4, 4, 3), np.uint8), truth, label)
    one = Seen(make_run(metric="top1"), None, ["cat", "dog"], image_level=True, worst=[picture])
    page = render([one], [SideBySide(picture, {"a": (label, score)})])
    assert f"dog {abs(score):.0f}%" in words(page) and f'class="{word}"' in page
