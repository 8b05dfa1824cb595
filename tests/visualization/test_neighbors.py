# SPDX-License-Identifier: Apache-2.0
import math

import cv2

from rankseg.visualization.neighbors import (
    count_ranks,
    draw_feature_curves,
    draw_purity,
    draw_ranks,
)


def test_pictures_of_short_runs_and_of_missing_numbers(tmp_path):
    note = dict(iteration=5, nearest=50.0, constrained=40.0, as_far=math.nan, median_rank=math.nan)
    draw_purity([note], tmp_path / "a.png")
    draw_purity([note, dict(note, iteration=9, median_rank=30.0)], tmp_path / "b.png")
    draw_ranks({"one": count_ranks([0, 0]), "$two": count_ranks([1, 300])}, tmp_path / "c.png")
    draw_feature_curves([dict(iteration=1, knn1=3.0)], tmp_path / "d.png")
    more = dict(iteration=2, linear_all=3.0, linear_all_top5=9.0)
    draw_feature_curves([dict(iteration=1, knn1=3.0), more], tmp_path / "e.png")
    for name in "abcde":
        assert cv2.imread(str(tmp_path / f"{name}.png")).std() > 1
