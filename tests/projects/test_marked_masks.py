# SPDX-License-Identifier: Apache-2.0
"""Outlines on copies of the images, and masks without objects, in a folder."""

import cv2
import numpy as np
import pytest

from rankseg.projects.survey import survey

RED = (255, 0, 0)
GRAY = np.random.default_rng(0).integers(0, 256, (6, 64, 80), dtype=np.uint8)


@pytest.fixture
def folders(tmp_path):
    """Six gray images; copies of all with outlines on three, one of them open."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i, page in enumerate(GRAY):
        cv2.imwrite(str(tmp_path / f"images/{i}.png"), page)
        copy = np.repeat(page[..., None], 3, 2)
        if i in (0, 2, 5):
            cv2.rectangle(copy, (20, 16), (51, 39), (0, 0, 255), 2)  # OpenCV has blue first
        if i == 5:
            cv2.line(copy, (5, 55), (70, 55), (0, 0, 255), 2)
        cv2.imwrite(str(tmp_path / f"masks/{i}.png"), copy)
    return tmp_path / "images", tmp_path / "masks"


def test_marks_become_classes_and_images_without_marks_are_unlabeled(folders):
    found = survey(*folders, color=RED)
    assert [path.stem for path in found.files.images] == ["0", "2", "5"]
    assert [path.stem for path in found.files.unlabeled] == ["1", "3", "4"]
    assert (len(found.labeled), len(found.unlabeled), len(found.pixels)) == (3, 3, 3)
    assert found.plan.classes == ("background", "foreground") and not found.plan.readable
    ids = found.ids(0)
    assert ids[16:40, 20:52].all() and ids.sum() == ids[15:41, 19:53].sum()
    assert found.pixels[0, 1] == ids.sum()
    text = "\n".join(found.notes())
    assert "filled 3 closed outlines" in text and "1 outlines are not closed" in text
    assert "close them in 5.png" in text
    assert "3 of 6 masks hold only background and are not used as labels" in text
    every = survey(*folders, color=RED, empty_masks="background")
    assert len(every.files.images) == 6
    assert "--empty-masks unlabeled" in "\n".join(every.notes())


def test_raises_on_marks_without_a_color(folders):
    with pytest.raises(ValueError, match=r"got gray images with marks in red '#ff0000'.*--color"):
        survey(*folders)
    with pytest.raises(ValueError, match="marks of the color #0000ff, but got red '#ff0000'"):
        survey(*folders, color=(0, 0, 255))
    with pytest.raises(ValueError, match="--color without --colors and --above"):
        survey(*folders, color=RED, above=127)
    with pytest.raises(ValueError, match="Expected 2 names in --classes, .* but got 3"):
        survey(*folders, names=["a", "b", "c"], color=RED)


def test_notes_empty_masks(folders):
    for i in range(6):
        mask = np.zeros((64, 80), np.uint8)
        mask[10:30, 10:30] = i % 2
        cv2.imwrite(str(folders[1] / f"{i}.png"), mask)
    found = survey(*folders)
    assert len(found.files.images) == 6
    assert "3 of 6 masks hold only class 0" in "\n".join(found.notes()).replace(
        found.plan.classes[0], "class 0"
    )
    found = survey(*folders, empty_masks="unlabeled")
    assert [path.stem for path in found.files.images] == ["1", "3", "5"]
    assert len(found.files.unlabeled) == 3
