# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from rankseg.engine.hooks.propagation_notes import PropagationNotes, measure


def test_measure():
    label, truth = np.array([0, 1, 1, 0]), np.array([0, 1, 0, -1])
    found = measure(label, np.array([1.0, 0.5, 0.25, 0.1]), truth)
    assert found["weight"] == pytest.approx(1.85 / 4)
    assert found["accuracy"] == pytest.approx(200 / 3)
    assert found["accuracy_weighted"] == pytest.approx(100 * 1.5 / 1.75)
    assert (found["right"][10], found["right"][19], sum(found["right"])) == (1, 1, 2)
    assert (found["wrong"][5], sum(found["wrong"])) == (1, 1)


def test_truth_may_be_unknown_and_weights_zero():
    nothing = np.zeros(2)
    assert measure(nothing, nothing, np.full(2, -1)) == {"weight": 0.0}
    assert measure(nothing, nothing, nothing)["accuracy_weighted"] == 0.0


def test_notes_go_on_after_a_resume(tmp_path):
    notes = PropagationNotes(tmp_path, 0)
    counts = {"right": [3, 1], "wrong": [2, 0]}
    for number, iteration in ((1, 10), (2, 20), (3, 30)):
        notes.add({"pass": number, "iteration": iteration, **counts})
    resumed = PropagationNotes(tmp_path, 25)
    resumed.add({"pass": 3, "iteration": 30, "again": True})
    written = json.loads((tmp_path / "label_propagation.json").read_text())
    assert [note["pass"] for note in written] == [1, 2, 3] and written[2]["again"]
    resumed.draw()
    assert (tmp_path / "label_propagation.png").is_file()
    assert PropagationNotes(tmp_path, 0).notes == []


def test_nothing_to_draw(tmp_path):
    PropagationNotes(tmp_path, 0).draw()
    assert not list(tmp_path.iterdir())
