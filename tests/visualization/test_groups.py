# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from rankseg.visualization.groups import mean_and_deviation


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_mean_over_seeds_where_one_has_diverged(bad):
    # statistics.stdev raises an AttributeError there
    assert mean_and_deviation([40.0, 43.0, 46.0]) == ("43.0", "3.0")
    assert mean_and_deviation([40.0, bad])[1] == "nan"
