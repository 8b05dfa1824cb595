# SPDX-License-Identifier: Apache-2.0
"""Numbers and maps of discoveries."""

import numpy as np
import pytest

from rankseg.engine.hooks.discovery_map import OTHERS, draw_map, measure, points_of
from rankseg.selection.discovery import Evidence, Selection
from rankseg.visualization import SampleKind


def test_measure():
    new, truth = np.array([0, 0, 2, 1]), np.array([0, 1, 2, -1])
    pool, pool_truth = np.array([1, 1, 0, 0, 2, 1]), np.array([1, 0, 0, 1, 2, -1])
    found = measure(new, truth, pool, pool_truth, 4)
    assert found == {
        "new": 4,
        "pool": 6,
        "classes": [2, 1, 1, 0],
        "wrong": 1,
        "error": pytest.approx(100 / 3),
        "pool_error": pytest.approx(40),
    }
    unknown = np.full(4, -1)
    assert measure(new, unknown, new, unknown, 3) == {"new": 4, "pool": 4, "classes": [2, 1, 1]}
    nothing = np.zeros(0, int)
    assert measure(*[nothing] * 4, 2) == {"new": 0, "pool": 0, "classes": [0, 0]}


@pytest.fixture
def evidence():
    rng = np.random.default_rng(0)
    return Evidence(
        labeled=rng.normal(size=(5, 3)),
        label=np.array([0, 2, 0, 2, 2]),
        candidates=rng.normal(size=(6, 3)),
        logits=np.zeros((6, 4)),
        num_given=2,
    )


def test_points_of_a_map(evidence):
    selection = Selection(np.array([4, 1]), np.array([2, 0]))
    truth = np.array([0, 2, 0, 1, -1] + [0, 3, 0, 0, 2, 0])
    feature, kind, label = points_of(evidence, selection, truth)
    centres = [evidence.labeled[evidence.label == k].mean(0) for k in (0, 2)]
    wanted = [*evidence.labeled, *evidence.candidates[[4, 1, 0, 2, 3, 5]], *centres]
    np.testing.assert_allclose(feature, wanted)
    assert kind.tolist() == [
        *(
            SampleKind.LABELED,
            SampleKind.LABELED,
            SampleKind.EARLIER,
            SampleKind.WRONG,
            SampleKind.EARLIER,
        ),
        *(SampleKind.RIGHT, SampleKind.WRONG),
        *[SampleKind.UNLABELED] * 4,
        *[SampleKind.CENTER] * 2,
    ]
    assert label.tolist() == [0, 2, 0, 2, 2, 2, 0, *[-1] * 4, 0, 2]


def test_of_many_images_some_are_shown(evidence):
    many = OTHERS + 2
    evidence = evidence._replace(candidates=np.zeros((many, 3)), logits=np.zeros((many, 4)))
    selection = Selection(np.array([0]), np.array([2]))
    _, kind, _ = points_of(evidence, selection, np.full(5 + many, -1))
    assert (kind == SampleKind.UNLABELED).sum() == -(-(many - 1) // 2) and not (
        kind == SampleKind.WRONG
    ).any()


@pytest.mark.parametrize("known", [True, False])
def test_draws_a_map(evidence, tmp_path, known):
    note = {"generation": 2, "step": 1, "new": 2, "pool": 5, **({"error": 50.0} if known else {})}
    selection = Selection(np.array([4, 1]), np.array([2, 0]))
    names = ("a", "b", "c", "d")
    draw_map(tmp_path / "maps", note, "pca", evidence, selection, np.full(11, -1), names)
    assert (tmp_path / "maps/generation2_iteration1.png").stat().st_size > 1000
