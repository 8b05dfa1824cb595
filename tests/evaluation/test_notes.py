# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.evaluation.notes import ClassNotes, cell, names

CLASSES = ("sky", "road", "cat")


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(
        "rankseg.evaluation.notes.print_log", lambda text, *args: texts.append((text, *args[1:]))
    )
    return texts


def test_nothing_to_say(said):
    ClassNotes("pixel").say([3, 2, 1], [1, 1, 4], CLASSES)
    assert not said


def test_no_truth_at_all(said):
    notes = ClassNotes("pixel")
    for _ in range(2):
        notes.say([0, 0, 0], [0, 0, 0], CLASSES)
    assert len(said) == 1
    assert said[0][0].startswith(
        "No pixel of the validation set has a label, so all its metrics are"
    )
    assert "masks" in said[0][0]


def test_class_that_is_not_in_the_set_is_said_once(said):
    notes = ClassNotes("image")
    for _ in range(3):
        notes.say([3, 0, 1], [2, 1, 1], CLASSES)
    (text, *_), *more = said
    assert text.startswith("No image of the validation set is of class road: its accuracy is not")
    assert not more
    ClassNotes("pixel").say([3, 0, 1], [2, 1, 1], CLASSES)
    assert said[-1][0].endswith("left out of the means; if it is predicted, its IoU is 0.")


def test_class_that_is_never_predicted_is_said_every_time(said):
    notes = ClassNotes("pixel")
    for _ in range(2):
        notes.say([3, 2, 1], [3, 3, 0], CLASSES)
    assert [text for text, *_ in said] == ["No pixel is predicted to be of class cat."] * 2


def test_one_class_only(said):
    notes = ClassNotes("pixel")
    for _ in range(2):
        notes.say([3, 2, 1], [0, 6, 0], CLASSES)
    assert len(said) == 2
    assert said[0][0].startswith("Every pixel is predicted to be of class road. This is usual")
    assert "learning rate" in said[0][0] and "labeled images" in said[0][0]


def test_one_class_only_where_there_is_one(said):
    ClassNotes("pixel").say([0, 6, 0], [0, 6, 0], CLASSES)
    assert len(said) == 1 and "Every pixel" not in said[0][0]


def test_names_of_many():
    assert names(np.ones(13, bool), [str(i) for i in range(13)]).endswith("8, 9 and 3 more")


def test_cells():
    assert cell(float("nan")) == "-" and cell(0.0) == "0.00" and cell(12.345) == "12.35"
