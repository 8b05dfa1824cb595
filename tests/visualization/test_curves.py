# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rankseg.visualization import draw_pseudo_labels, draw_weights
from rankseg.visualization.curves import finish, line


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved."""
    seen = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *args, **kw: (seen.append(self), save(self, *args, **kw))
    )
    return seen


def run(accuracies: list) -> dict:
    history = [
        {
            "iteration": 10 * (i + 1),
            "confident": 50.0,
            "accuracy": value,
            "confident_accuracy": None if i == 0 else 90.0,
            "labels": None if i == 0 else [25.0, 75.0],
        }
        for i, value in enumerate(accuracies)
    ]
    return {
        "metric": "top1",
        "classes": ["cat", "dog"],
        "history": history,
        "validations": [[20, 66.0]],
    }


def test_curves_of_two_runs(figures, tmp_path):
    runs = {"SimMatch": run([40.0, 60.0, 80.0]), "FixMatch": run([30.0, None])}
    draw_pseudo_labels(runs, tmp_path / "a.png")
    (figure,) = figures
    by_title = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    first, second = by_title["accuracy of all pseudo-labels (%)"].lines
    assert first.get_xydata().tolist() == [[10, 40], [20, 60], [30, 80]]
    np.testing.assert_equal(second.get_ydata(), [30, np.nan])
    assert np.isnan(by_title["accuracy of confident pseudo-labels (%)"].lines[0].get_ydata()[0])
    assert by_title["validation top1 (%)"].lines[0].get_xydata().tolist() == [[20, 66]]
    classes = by_title["SimMatch: confident pseudo-labels by class (%)"].images[0]
    np.testing.assert_equal(classes.get_array().filled(np.nan)[:, 1:], [[25, 25], [75, 75]])
    assert classes.get_extent()[:2] == [0, 30]
    assert cv2.imread(str(tmp_path / "a.png")) is not None


@pytest.mark.parametrize("accuracies", [[], [50.0]])
def test_a_run_that_has_just_begun(accuracies, tmp_path):
    begun = {**run(accuracies), "validations": []}
    draw_pseudo_labels({"SimMatch": begun}, tmp_path / "a.png")
    assert (tmp_path / "a.png").is_file()


def test_weights_of_right_and_wrong_labels(figures, tmp_path):
    draw_weights({"pass 1": ([1, 2], [1, 1]), "pass 90": ([0, 4], [0, 1])}, tmp_path / "w.png")
    first, second = figures[0].axes
    assert [patch.get_data().values.tolist() for patch in first.patches] == [[1, 2], [1, 1]]
    assert [patch.get_data().edges.tolist() for patch in second.patches] == [[0, 0.5, 1]] * 2
    assert second.get_title() == "pass 90"


def test_legend_lies_below_the_plot_and_covers_no_curve():
    figure = Figure((4, 3), layout="constrained")
    axes = figure.subplots()
    for name in ("a", "b"):
        line(axes, name, [(0, 0.0), (1, 1.0)])
    finish(axes, "title", 2)
    FigureCanvasAgg(figure).draw()
    legend, plot = axes.get_legend().get_window_extent(), axes.get_window_extent()
    assert legend.y1 < plot.y0 and legend.y0 >= 0
