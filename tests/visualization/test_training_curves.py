# SPDX-License-Identifier: Apache-2.0
import cv2
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rankseg.report.run_folder import Scalars
from rankseg.visualization.groups import DRAWN_CLASSES, group_scalars
from rankseg.visualization.training_curves import draw_training

_legend = Axes.legend
TRAIN = {
    "loss": [(10, 2.0), (20, 0.5)],
    "loss_x": [(10, 1.0), (20, 0.25)],
    "lr": [(10, 0.1), (20, 0.0)],
    "confident": [(10, 0.2), (20, 0.9)],
    "grad_norm": [(10, 3.0), (20, 4.0)],
    "pseudo_labels/accuracy": [(20, 0.0)],
}
VAL = {"mIoU": [(20, 40.0)], "student/mIoU": [(20, 39.0)], "aAcc": [(20, 90.0)]}


def test_numbers_that_belong_together():
    found = {g.title: list(g.series) for g in group_scalars(Scalars(TRAIN, VAL))}
    assert found == {
        "losses": ["loss", "loss_x"],
        "confident share": ["confident"],
        "pseudo-labels (%)": ["accuracy"],
        "other numbers": ["grad_norm"],
        "learning rate": ["lr"],
        "validation (%)": ["mIoU", "student/mIoU"],
    }


def test_the_foreground_comes_first_where_it_is_judged():
    val = {"mIoU": [(20, 40.0)], "fgIoU": [(20, 9.0)], "student/fgIoU": [(20, 8.0)], "IoU/a": []}
    last, classes = group_scalars(Scalars({}, val))
    assert list(last.series) == ["fgIoU", "student/fgIoU", "mIoU"]
    assert classes.title == "IoU of each class (%)"


@pytest.mark.parametrize(("count", "drawn"), [(DRAWN_CLASSES, True), (DRAWN_CLASSES + 1, False)])
def test_classes_are_drawn_while_they_can_be_told_apart(count, drawn):
    val = {**VAL, **{f"IoU/{k}": [(20, 9.0)] for k in range(count)}}
    titles = [group.title for group in group_scalars(Scalars({}, val))]
    assert ("IoU of each class (%)" in titles) is drawn


def test_every_curve_is_named(tmp_path, monkeypatch):
    named = {}

    def legend(self, **kwargs):
        texts = _legend(self, **kwargs).get_texts()
        named[self.get_title()] = [text.get_text() for text in texts]

    monkeypatch.setattr(Axes, "legend", legend)
    alone = {"loss": [(1, 2.0)], "grad_norm": [(1, 9.0)], "lr": [(1, 0.1)]}
    draw_training(Scalars(alone, {"mIoU": [(20, 9.0)]}), tmp_path / "a.png")
    assert named == {
        "losses": ["loss"],
        "other numbers": ["grad_norm"],
        "validation (%)": ["mIoU"],
    }, "the title 'learning rate' names its curve"


def test_names_are_drawn_as_they_are(tmp_path, monkeypatch):
    legends = []
    monkeypatch.setattr(Axes, "legend", lambda self, **kw: legends.append(_legend(self, **kw)))
    val = {f"IoU/{name}": [(20, 9.0)] for name in ("_background_", "$a_{$", "b")}
    draw_training(Scalars({}, val), tmp_path / "a.png", "$_{$.py")
    assert [text.get_text() for text in legends[0].get_texts()] == [
        " _background_",
        r"\$a_{\$",
        "b",
    ]
    assert cv2.imread(str(tmp_path / "a.png")) is not None


def test_losses_have_a_logarithmic_axis_where_they_can(monkeypatch, tmp_path):
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **kw: (figures.append(self), save(self, *a, **kw))
    )
    draw_training(Scalars(TRAIN, VAL), tmp_path / "a.png", "a.py")
    axes = [one for one in figures[0].axes if one.get_title()]
    assert [one.get_yscale() for one in axes] == ["log"] + ["linear"] * 5
    assert list(axes[0].lines[0].get_ydata()) == [2.0, 0.5]
    assert cv2.imread(str(tmp_path / "a.png")) is not None
    draw_training(Scalars({"loss": [(1, 0.0), (2, float("nan"))]}, {}), tmp_path / "b.png")
    assert figures[1].axes[0].get_yscale() == "linear"


def test_recall_at_every_k_is_in_one_picture():
    val = {name: [(20, 40.0)] for name in ("map_r", "recall10", "recall2", "recall1", "lr")}
    val |= {"teacher/recall1": [(20, 9.0)], "split/recall1": [(20, 9.0)], "recall1/cat": [(20, 9)]}
    judged, classes = group_scalars(Scalars({}, val))
    assert list(judged.series) == [
        *("recall1", "teacher/recall1", "recall2", "recall10", "split/recall1", "map_r")
    ]
    assert classes.title == "Recall@1 of each class (%)" and list(classes.series) == ["cat"]
