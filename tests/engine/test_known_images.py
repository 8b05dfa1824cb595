# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest

from rankseg.engine.known_images import known_images, probe_rows


def half(labels, start=0, root="."):
    return SimpleNamespace(
        class_ids=lambda: np.array(labels, np.int64),
        get_data_info=lambda i: {"img_path": f"{root}/train/{start + i}.png"},
        data_root=root,
    )


def halves(labeled=(0, 1), unlabeled=(1, -1, 0, 0), include=False, root="."):
    more = labeled if include else ()
    return SimpleNamespace(
        labeled=half(labeled, root=root),
        unlabeled=half((*unlabeled, *more), start=10, root=root),
        num_labeled=len(labeled),
        include_labeled=include,
        describe=lambda: "split",
    )


@pytest.mark.parametrize("include", [False, True])
def test_every_image_once(include):
    labels, indices = known_images(halves(include=include))
    assert labels.tolist() == [0, 1, 1, 0, 0] and indices == [0, 1, 2, 4, 5]
    labels, indices = known_images(halves(include=include), "labeled")
    assert labels.tolist() == [0, 1] and indices == [0, 1]


@pytest.mark.parametrize("include", [False, True])
def test_without_a_labeled_part(include):
    train = halves(labeled=(), include=include)
    assert known_images(train)[1] == [0, 2, 3]
    with pytest.raises(ValueError, match="none has one. Set bank='all'"):
        known_images(train, "labeled")
    with pytest.raises(ValueError, match="labeled images for probe 'labeled'"):
        probe_rows("labeled", train, *known_images(train))


def test_nothing_known():
    with pytest.raises(ValueError, match="Label some images"):
        known_images(halves(labeled=(), unlabeled=(-1, -1)))


def test_rows(tmp_path):
    train = halves(root=str(tmp_path))
    known = known_images(train)
    (tmp_path / "some.txt").write_text("train/13.png cat\ntrain/1.png\n")
    assert probe_rows("all", train, *known).tolist() == [0, 1, 2, 3, 4]
    assert probe_rows("labeled", train, *known).tolist() == [0, 1]
    assert probe_rows("some.txt", train, *known).tolist() == [1, 4]
    assert probe_rows(str(tmp_path / "some.txt"), train, *known).tolist() == [1, 4]
    rows = probe_rows("34%", train, *known, seed=1)
    assert sorted(known[0][rows].tolist()) == [0, 1]
    (tmp_path / "some.txt").write_text("train/11.png\n")  # whose class is not known
    with pytest.raises(
        ValueError, match="some.txt .*got train/11.png, which is none of the 5 images"
    ):
        probe_rows("some.txt", train, *known)
    with pytest.raises(FileNotFoundError, match="or a list file, here or in"):
        probe_rows("other.txt", train, *known)
