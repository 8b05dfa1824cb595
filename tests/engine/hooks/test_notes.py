# SPDX-License-Identifier: Apache-2.0
import json

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
