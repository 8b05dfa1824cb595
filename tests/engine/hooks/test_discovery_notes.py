# SPDX-License-Identifier: Apache-2.0
"""What is noted and drawn of discoveries."""

import logging

import numpy as np
import pytest

from rankseg.engine.hooks.discovery_notes import OTHERS, DiscoveryNotes, measure, points_of
from rankseg.selection.discovery import Evidence, Selection
from rankseg.visualization import Kind


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


def test_a_resumed_run_goes_on_with_what_its_checkpoint_has_seen(tmp_path):
    notes = DiscoveryNotes(tmp_path, 0)
    for iteration in (0, 4, 8):
        notes.add({"iteration": iteration})
    for start, kept in ((3, [0]), (4, [0, 4]), (9, [0, 4, 8]), (0, [])):
        found = DiscoveryNotes(tmp_path, start)
        assert [note["iteration"] for note in found.notes] == kept


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
        *(Kind.LABELED, Kind.LABELED, Kind.EARLIER, Kind.WRONG, Kind.EARLIER),
        *(Kind.RIGHT, Kind.WRONG),
        *[Kind.UNLABELED] * 4,
        *[Kind.CENTRE] * 2,
    ]
    assert label.tolist() == [0, 2, 0, 2, 2, 2, 0, *[-1] * 4, 0, 2]


def test_of_many_images_some_are_shown(evidence):
    many = OTHERS + 2
    evidence = evidence._replace(candidates=np.zeros((many, 3)), logits=np.zeros((many, 4)))
    selection = Selection(np.array([0]), np.array([2]))
    _, kind, _ = points_of(evidence, selection, np.full(5 + many, -1))
    assert (kind == Kind.UNLABELED).sum() == -(-(many - 1) // 2) and not (kind == Kind.WRONG).any()


@pytest.mark.parametrize("known", [True, False])
def test_pictures(evidence, tmp_path, known):
    notes = DiscoveryNotes(tmp_path, 0, maps="pca")
    numbers = {"wrong": 1, "error": 50.0, "pool_error": 20.0} if known else {}
    for generation in (1, 2):
        place = {"iteration": generation, "generation": generation, "step": 1}
        notes.add({**place, "new": 2, "pool": 5, **numbers})
    logger = logging.getLogger("test")
    notes.draw(logger)
    selection = Selection(np.array([4, 1]), np.array([2, 0]))
    notes.draw_map(evidence, selection, np.full(11, -1), ("a", "b", "c", "d"), logger)
    names = ["discovery.png", "discovery_maps/generation2_iteration1.png"]
    assert all((tmp_path / name).stat().st_size > 1000 for name in names)


def test_a_picture_that_fails_costs_no_run(evidence, tmp_path, caplog):
    notes = DiscoveryNotes(tmp_path, 0, maps="pca")
    notes.add({"iteration": 1, "generation": 1, "step": 1, "new": 1, "pool": 1})
    (tmp_path / "discovery.png").mkdir()
    (tmp_path / "discovery_maps").write_text("in the way")
    logger = logging.getLogger("test")
    with caplog.at_level(logging.WARNING):
        notes.draw(logger)
        selection = Selection(np.array([4]), np.array([2]))
        notes.draw_map(evidence, selection, np.full(11, -1), ("a", "b", "c", "d"), logger)
    assert len(caplog.records) == 1 and "training goes on" in caplog.text
