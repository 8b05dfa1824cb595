# SPDX-License-Identifier: Apache-2.0
from fractions import Fraction

import numpy as np
import pytest

from rankseg.datasets import split_drawing as drawing
from rankseg.datasets.splits.splits import read_list


def table_of(present: np.ndarray) -> np.ndarray:
    pixels = np.zeros((len(present), 256), dtype=np.int64)
    pixels[:, : present.shape[1]] = present * 5
    return pixels


ENTRIES = [(f"{i}.jpg", f"{i}.png") for i in range(40)]


@pytest.mark.parametrize(
    ("size", "total", "expected"),
    [(Fraction(1, 16), 10582, 662), (Fraction(1, 8), 2975, 372), (0.25, 367, 92), (0.05, 40, 2),
     (92, 10582, 92), (Fraction(1, 2), 2975, 1488)],
)  # fmt: skip
def test_shares_round_up_as_the_usual_lists_do(size, total, expected):
    assert drawing.split_size(size, total) == expected


@pytest.mark.parametrize("size", [0, 40, 41, 1.5, -1])
def test_impossible_sizes(size):
    with pytest.raises(ValueError, match=r"Expected size to give 1 to 39 of 40 images, but got"):
        drawing.make_split(ENTRIES, size, 0)


def test_every_class_is_labeled_and_the_seed_decides():
    present = np.zeros((40, 4), dtype=bool)
    present[:, 0] = True
    present[7, 1] = present[31, 2] = present[32, 2] = present[::2, 3] = True
    pixels = table_of(present)
    seen = set()
    for seed in range(6):
        labeled, unlabeled = drawing.make_split(ENTRIES, 4, seed, pixels)
        rows = [ENTRIES.index(entry) for entry in labeled]
        assert rows == sorted(rows) and len(rows) == 4
        assert present[rows].any(axis=0).all()
        assert sorted(labeled + unlabeled, key=ENTRIES.index) == ENTRIES
        assert (labeled, unlabeled) == drawing.make_split(ENTRIES, 4, seed, pixels)
        seen.add(tuple(rows))
    assert len(seen) > 1


def test_rare_classes_that_chance_would_miss_are_covered():
    present = np.eye(20, dtype=bool)[np.arange(200) % 20]
    present[20:, 1:] = False  # classes 1 to 19 in one image each
    entries = [(f"{i}.jpg", f"{i}.png") for i in range(200)]
    labeled, _ = drawing.make_split(entries, 20, 3, table_of(present))
    assert {int(image[:-4]) for image, _ in labeled} >= set(range(1, 20))
    with pytest.raises(ValueError, match="cover all 20 classes, but got 19. Draw at least 20"):
        drawing.make_split(entries, 19, 3, table_of(present))


def test_ignored_pixels_are_no_class():
    pixels = np.zeros((40, 256), dtype=np.int64)
    pixels[:, 0], pixels[5, 255] = 1, 1
    labeled = [drawing.make_split(ENTRIES, 1, seed, pixels)[0] for seed in range(20)]
    assert any(part != [ENTRIES[5]] for part in labeled)


def test_images_without_masks_stay_unlabeled():
    entries = [(f"{i}.jpg", f"{i}.png" if i < 3 else None) for i in range(10)]
    for seed in range(5):
        labeled, unlabeled = drawing.make_split(entries, 2, seed)
        assert all(mask for _, mask in labeled) and len(unlabeled) == 8
    with pytest.raises(ValueError, match="4 images with a mask to label, but got 3"):
        drawing.make_split(entries, 4, 0)


def test_validation_holds_all_classes_where_that_fits():
    present = np.zeros((40, 3), dtype=bool)
    present[np.arange(40), np.arange(40) % 3] = True
    val, rest = drawing.cut_validation(ENTRIES, 3, 1, table_of(present))
    assert {ENTRIES.index(entry) % 3 for entry in val} == {0, 1, 2}
    assert len(rest) == 37 and not set(val) & set(rest)
    assert val == drawing.cut_validation(ENTRIES, 3, 1, table_of(present))[0]


def test_validation_leaves_a_single_image_of_a_class_to_training():
    present = np.zeros((40, 2), dtype=bool)
    present[:, 0] = present[17, 1] = True
    for seed in range(3):
        val, _ = drawing.cut_validation(ENTRIES, 20, seed, table_of(present))
        assert ENTRIES[17] not in val and len(val) == 20


@pytest.mark.parametrize("count", [0, 3, 4])
def test_impossible_validation(count):
    entries = [(f"{i}.jpg", f"{i}.png" if i < 3 else None) for i in range(10)]
    match = f"Expected 1 to 2 validation images, as 3 images have a mask, but got {count}"
    with pytest.raises(ValueError, match=match):
        drawing.cut_validation(entries, count, 0, np.ones((10, 256), dtype=int))


def test_pixels_and_table(make_set):
    root = make_set(number=4, labeled=1, val=1)
    entries = [(f"images/{i}.png", f"masks/{i}.png" if i else None) for i in range(4)]
    pixels = drawing.count_pixels(root, entries)
    assert pixels[0].sum() == 0 and pixels[1, :3].tolist() == [68, 12, 0]
    drawing.check_classes(pixels, entries, ("sky", "road", "car"), "set")
    lines = drawing.class_table(pixels, [0, 1, 0, 0], ("sky", "road", "car")).splitlines()
    assert lines[2].split() == ["road", "5.00", "1", "1"]
    assert lines[3].split() == ["car", "5.00", "1", "0"]
    assert lines[4].split() == ["(ignore)", "0.00", "0", "0"]


def test_values_that_are_no_class(make_set):
    root = make_set(foreground=9)
    entries = read_list(root / "splits/val.txt")
    pixels = drawing.count_pixels(root, entries)
    with pytest.raises(ValueError, match=r"masks/6\.png .* got \[9\], which is no class"):
        drawing.check_classes(pixels, entries, ("sky", "road", "car"), "set")
    drawing.check_classes(pixels, entries, None, "set")


def test_masks_of_0_and_255_are_explained(make_set):
    root = make_set(foreground=255)
    entries = read_list(root / "splits/val.txt")
    with pytest.raises(
        ValueError, match="set: .*all masks hold only 0 and 255.*make_splits.py --binary"
    ):
        drawing.check_classes(drawing.count_pixels(root, entries), entries, None, "set")
    pixels = drawing.count_pixels(root, entries, "binary")
    drawing.check_classes(pixels, entries, ("no", "yes"), "set")
    assert pixels[0, :2].tolist() == [68, 12]


LABELS = np.array([0] * 30 + [1] * 8 + [2] * 12 + [-1] * 5)[
    np.random.default_rng(0).permutation(55)
]
NAMES = ("cat", "dog", "eel")


def test_as_many_images_of_every_class():
    chosen = drawing.draw_balanced(LABELS, NAMES, 18, np.random.default_rng(1))
    assert np.bincount(LABELS[chosen]).tolist() == [6, 6, 6]
    assert (np.diff(chosen) > 0).all()
    again = drawing.draw_balanced(LABELS, NAMES, 18, np.random.default_rng(1))
    other = drawing.draw_balanced(LABELS, NAMES, 18, np.random.default_rng(2))
    assert np.array_equal(chosen, again) and not np.array_equal(chosen, other)


def test_every_image_of_a_class_is_as_likely():
    draws = [drawing.draw_balanced(LABELS, NAMES, 6, np.random.default_rng(i)) for i in range(2000)]
    counts = np.bincount(np.concatenate(draws), minlength=55) / 2000
    for k, number in enumerate((30, 8, 12)):
        assert np.abs(counts[k == LABELS] - 2 / number).max() < 0.05
    assert not counts[LABELS < 0].any()


@pytest.mark.parametrize(("size", "match"), [
    (2, "size to be at least 3, one labeled image of each class, but got 2"),
    (10, "size to be a multiple of the 3 classes, but got 10. Use 9 or 12"),
    (11, "Use 12 or 9"),
    (27, "9 images of every class for size 27, but class 'dog' has 8. Use --size 24 at"),
])  # fmt: skip
def test_sizes_that_do_not_fit_the_classes(size, match):
    with pytest.raises(ValueError, match=match):
        drawing.draw_balanced(LABELS, NAMES, size, np.random.default_rng(0))


@pytest.mark.parametrize(("share", "held"), [(0, 0), (0.01, 1), (0.2, 1), (0.26, 2), (0.8, 5)])
def test_a_share_of_every_class_is_held_out(share, held):
    chosen = drawing.draw_balanced(LABELS, NAMES, 18, np.random.default_rng(1))
    few, val = drawing.hold_out(LABELS, chosen, NAMES, share, np.random.default_rng(2))
    assert np.array_equal(np.sort(np.concatenate([few, val])), chosen)
    assert np.bincount(LABELS[val], minlength=3).tolist() == [held] * 3
    assert (np.diff(few) > 0).all() and (np.diff(val) > 0).all()


@pytest.mark.parametrize(("share", "match"), [
    (0.95, "images of class 'cat' to remain, but --val-share 0.95 takes all 6. Label more"),
    (1, "val-share to be 0 .none. or a share below 1, but got 1"), (-0.1, "but got -0.1"),
])  # fmt: skip
def test_shares_that_leave_nothing(share, match):
    chosen = drawing.draw_balanced(LABELS, NAMES, 18, np.random.default_rng(1))
    with pytest.raises(ValueError, match=match):
        drawing.hold_out(LABELS, chosen, NAMES, share, np.random.default_rng(2))
    with pytest.raises(ValueError, match="every class, but got none of class 'dog'. Label one, or"):
        drawing.hold_out(LABELS, chosen[LABELS[chosen] != 1], NAMES, 0, np.random.default_rng(2))


def test_table_of_classes():
    parts = {"labeled": np.array([0, 2, 2]), "unlabeled": np.array([-1, 1])}
    assert drawing.label_table(parts, NAMES, rows=2).splitlines() == [
        "class         labeled   unlabeled",
        "cat                 1           0",
        "dog                 0           1",
        "(unknown)           0           1",
        "... and 1 more classes",
    ]
