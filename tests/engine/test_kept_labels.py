# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.engine.kept_labels import Validation, read_labels, superfluous, write_labels


def test_what_was_written_is_read(tmp_path):
    labels = [np.arange(6, dtype=np.uint8).reshape(2, 3), np.full((4, 1), 255, np.uint8)]
    write_labels(
        tmp_path / "a.npz", {300: Validation(50.5, labels), 20: Validation(1.0, labels[:1])}
    )
    kept = read_labels(tmp_path / "a.npz")
    assert list(kept) == [20, 300] and kept[300].score == 50.5
    for one, other in zip(kept[300].labels, labels, strict=True):
        assert (one == other).all() and one.dtype == np.uint8
    assert len(kept[20].labels) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("iterations", "gone"), [([1, 2, 9], 2), ([0, 10, 20, 25], 20), ([0, 3, 20, 30], 3)]
)
def test_the_one_whose_neighbors_are_nearest_goes(iterations, gone):
    assert superfluous(iterations) == gone
