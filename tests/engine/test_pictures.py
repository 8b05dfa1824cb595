# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np

from rankseg.engine.pictures import write_picture


def test_a_picture_keeps_its_colors_and_leaves_nothing_else(tmp_path):
    picture = np.zeros((4, 5, 3), np.uint8)
    picture[..., 0] = 200
    write_picture(tmp_path / "new/a.png", picture)
    assert (cv2.imread(str(tmp_path / "new/a.png"))[..., ::-1] == picture).all()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.png"]
