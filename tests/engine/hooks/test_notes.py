# SPDX-License-Identifier: Apache-2.0
import json
from types import SimpleNamespace

import pytest

from rankseg.engine.hooks.notes import RunNotes


def test_a_resumed_run_goes_on_with_earlier_notes(tmp_path):
    past = [{"iteration": 1, "x": 1}, {"iteration": 3, "x": 2}]
    (tmp_path / "a.json").write_text(json.dumps(past))
    notes = RunNotes(tmp_path / "a.json", 3)
    assert notes.notes == past[:1]
    notes.add({"iteration": 3, "x": 5})
    assert json.loads((tmp_path / "a.json").read_text()) == [past[0], {"iteration": 3, "x": 5}]


@pytest.mark.parametrize("past", [{}, [3], [{}], [{"iteration": "1"}], [{"iteration": None}], "x"])
def test_notes_of_another_form_are_begun_again(tmp_path, past):
    (tmp_path / "a.json").write_text(json.dumps(past))
    assert RunNotes(tmp_path / "a.json", 3).notes == []


@pytest.mark.parametrize(("start", "kept"), [(4, [0]), (5, [0, 4]), (10, [0, 4, 8]), (0, [])])
def test_drops_notes_of_later_iterations(tmp_path, start, kept):
    notes = RunNotes(tmp_path / "a.json", 0)
    for iteration in (0, 4, 8):
        notes.add({"iteration": iteration})
    found = RunNotes(tmp_path / "a.json", start).notes
    assert [note["iteration"] for note in found] == kept


def test_records_scalars_and_a_rounded_note(tmp_path):
    logged = []
    visualizer = SimpleNamespace(add_scalars=lambda scalars, step: logged.append((step, scalars)))
    notes = RunNotes(tmp_path / "a.json", 0)
    runner = SimpleNamespace(visualizer=visualizer)
    notes.record(runner, 7, {"x": 1 / 3, "n": 2, "list": [1]}, digits=2, place=1)
    assert logged == [(7, {"a/x": 1 / 3, "a/n": 2})]
    assert notes.notes == [{"iteration": 7, "place": 1, "x": 0.33, "n": 2, "list": [1]}]
