# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from rankseg.visualization import SampleKind, SampleMap, draw_sample_map, draw_sample_maps
from rankseg.visualization.sample_map import STYLES

POINTS = np.arange(14.0).reshape(7, 2) ** 1.5
KIND = np.array([0, 0, 1, 2, 3, 4, 5])
LABEL = np.array([-1, -1, 0, 1, 0, 1, 1])
CLASSES = ("_cat", "dog$")


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved."""
    seen = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *args, **kw: (seen.append(self), save(self, *args, **kw))
    )
    return seen


def drawn(axes) -> dict[str, list]:
    """Points by legend text."""
    return {one.get_label(): one.get_offsets().tolist() for one in axes.collections}


def test_kinds_have_their_look_and_the_important_ones_lie_on_top(figures, tmp_path):
    draw_sample_map(tmp_path / "a.png", POINTS, KIND, LABEL, CLASSES, "round 1")
    (figure,) = figures
    (axes,) = figure.axes
    assert drawn(axes) == {
        STYLES[kind]["label"]: POINTS[kind == KIND].tolist() for kind in SampleKind
    }
    order = [one.get_label() for one in sorted(axes.collections, key=lambda c: c.zorder)]
    assert order == [STYLES[kind]["label"] for kind in sorted(SampleKind)]
    color = {c.get_label(): tuple(c.get_facecolor()[0][:3]) for c in axes.collections}
    assert color["discovered wrongly"] == to_rgba("black")[:3]
    assert [t.get_text() for t in axes.texts] == [r"dog\$"], "the class of the centre"
    assert [t.get_text() for t in figure.legends[0].get_texts()] == list(order)
    assert cv2.imread(str(tmp_path / "a.png")).shape[0] > 300


def test_only_what_is_there_is_in_the_legend(figures, tmp_path):
    draw_sample_map(tmp_path / "a.png", POINTS[:2], KIND[:2], LABEL[:2], CLASSES)
    assert [t.get_text() for t in figures[0].legends[0].get_texts()] == ["unlabeled"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_legend_is_not_cut_off(figures, tmp_path, number):
    maps = [SampleMap(POINTS, KIND, LABEL)] * number
    draw_sample_maps(tmp_path / "a.png", maps, CLASSES)
    (figure,) = figures
    box, page = figure.legends[0].get_window_extent(), figure.bbox
    assert page.x0 <= box.x0 and box.x1 <= page.x1 and box.y0 >= page.y0
    assert len(figure.legends[0].get_texts()) == len(SampleKind)


def test_a_row_has_the_samples_of_its_class(figures, tmp_path):
    maps = [SampleMap(POINTS + i, KIND, LABEL, f"round {i}") for i in range(3)]
    draw_sample_maps(tmp_path / "a.png", maps, CLASSES, rows=[1, 0], title="two classes")
    axes = figures[0].axes
    assert len(axes) == 6
    assert drawn(axes[1]) == {
        "newly discovered": [(POINTS[3] + 1).tolist()],
        "discovered wrongly": [(POINTS[5] + 1).tolist()],
        "class center": [(POINTS[6] + 1).tolist()],
    }
    assert [a.get_title() for a in axes[:3]] == ["round 0", "round 1", "round 2"]
    assert [a.get_ylabel() for a in (axes[0], axes[3])] == [r"dog\$", " _cat"]


@pytest.mark.parametrize("number", [2, 30])
def test_samples_by_class(figures, tmp_path, number):
    classes = [f"class {k}" for k in range(number)]
    label = np.array([0, 1, 1, -1, 0, 1, 1])
    draw_sample_map(tmp_path / "a.png", POINTS, None, label, classes)
    (axes,) = figures[0].axes
    assert drawn(axes) == {f"class {k}": POINTS[label == k].tolist() for k in (0, 1)}
    first, second = (tuple(c.get_facecolor()[0]) for c in axes.collections)
    assert first != second
    assert (axes.get_legend() is None) == (number == 30)


def test_no_samples(tmp_path):
    empty = np.zeros((0, 2)), np.zeros(0, int), np.zeros(0, int)
    draw_sample_map(tmp_path / "a.png", *empty, CLASSES)
    draw_sample_map(tmp_path / "b.png", empty[0], None, empty[2], CLASSES)
    assert (tmp_path / "a.png").is_file() and (tmp_path / "b.png").is_file()


@pytest.mark.parametrize("kind", [KIND[:3], None])
def test_arrays_of_one_length(tmp_path, kind):
    with pytest.raises(ValueError, match=r"sample map of the shapes \(N, 2\)"):
        draw_sample_map(
            tmp_path / "a.png", POINTS, kind, LABEL[: 7 if kind is not None else 6], "ab"
        )
    with pytest.raises(ValueError, match="maps of draw_sample_maps to have one or more"):
        draw_sample_maps(tmp_path / "a.png", [], "ab")
