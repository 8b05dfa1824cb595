# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.projects.mask_plan import classes_from_values


@pytest.mark.parametrize(
    ("found", "classes", "codes"),
    [
        ([0, 1], None, {0: 0, 1: 1}),
        ([0, 255], None, {0: 0, 255: 1}),
        ([0, 1, 255], None, {0: 0, 1: 1, 255: 255}),
        ([0, 1, 2], None, {0: 0, 1: 1, 2: 2}),
        ([0, 2], None, {0: 0, 2: 1}),
        ([1, 2, 3], None, {1: 0, 2: 1, 3: 2}),
        ([0, 127, 255], None, {0: 0, 127: 1, 255: 2}),
        ([0, 5, 6, 255], None, {0: 0, 5: 1, 6: 2, 255: 255}),
        ([0, 5, 255], 21, {0: 0, 5: 5, 255: 255}),
        ([0, 1, 255], 3, {0: 0, 1: 1, 255: 255}),
        ([0, 255], 2, {0: 0, 255: 1}),
        ([0, 128, 255], 2, {0: 0, 128: 1, 255: 255}),
        ([0, 128, 255], 3, {0: 0, 128: 1, 255: 2}),
    ],
)
def test_codes(found, classes, codes):
    assert classes_from_values(found, classes)[0] == codes


def test_names_and_notes():
    _, names, notes = classes_from_values([0, 5, 6, 255])
    assert names == ("value_0", "value_5", "value_6")
    assert notes[0] == "values in the masks: 5 is class 1, 6 is class 2"
    assert notes[1].startswith("255 means ignore")
    assert classes_from_values([0, 255])[1] == ("background", "foreground")
    assert classes_from_values([0, 1, 2])[1] == ("class_0", "class_1", "class_2")


@pytest.mark.parametrize(
    ("found", "classes", "match"),
    [
        ([0, 1, 2], 2, r"--classes .* but got 2 names and 3 values \[0, 1, 2\]"),
        ([0, 255], 3, r"--classes .* but got 3 names and 2 values \[0, 255\]"),
        ([0, 100, 200], 4, "--classes .* but got 4 names"),
        (
            [250, 255],
            None,
            r"two classes or more, but got the values \[250, 255\], of which 255 means ignore",
        ),
    ],
)
def test_raises_on_wrong_number_of_classes(found, classes, match):
    with pytest.raises(ValueError, match=match):
        classes_from_values(found, classes)
