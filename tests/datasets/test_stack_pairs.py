# SPDX-License-Identifier: Apache-2.0
"""Which slices are drawn, and what stacks that do not fit are told."""

import numpy as np
import pytest
import tifffile

from rankseg.datasets.file_error import FileError
from rankseg.datasets.stack_pairs import draw_lists, even_slices, look_at_masks, open_pair

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 16, 20), dtype=np.uint8)
MASKS = np.where(RNG.random((12, 16, 20)) < 0.25, 255, 0).astype(np.uint8)


@pytest.fixture
def write(tmp_path):
    def write(name, pages, **options):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, pages, **{"photometric": "minisblack", **options})
        return path

    return write


@pytest.fixture
def pair(write):
    def pair(masks=MASKS, slices=(), images=IMAGES):
        return open_pair("train", write("image", images), write("mask", masks), slices)

    return pair


@pytest.mark.parametrize("count", [1, 3, 5, 10, 20, 164, 165])
def test_slices_are_evenly_spaced_and_moved_by_the_seed(count):
    drawn = [even_slices(range(165), count, seed) for seed in range(20)]
    for pages in drawn:
        gaps = np.diff(pages)
        assert len(set(pages)) == count and pages[0] >= 0 and pages[-1] < 165
        assert count == 1 or set(gaps) <= {165 // count, -(-165 // count)}
    assert drawn[3] == even_slices(range(165), count, 3)
    assert count > 20 or len({tuple(pages) for pages in drawn}) > 3


def test_splits_with_a_test_stack(pair):
    train = pair()
    test = train._replace(name="test")
    lists = draw_lists([train, test], [3, 4], None, seed=0)
    assert sorted(lists) == sorted(
        [f"even_{n}_seed0/{part}.txt" for n in (3, 4) for part in ("labeled", "unlabeled")]
        + ["val.txt"]
    )
    assert [image for image, _ in lists["val.txt"]][::11] == [
        "images/test/001.png",
        "images/test/012.png",
    ]
    labelled = lists["even_3_seed0/labeled.txt"]
    assert all(mask == image.replace("images", "masks") for image, mask in labelled)
    rest = lists["even_3_seed0/unlabeled.txt"]
    assert len(labelled) == 3 and len(rest) == 9 and {mask for _, mask in rest} == {None}
    assert not {image for image, _ in labelled} & {image for image, _ in rest}


def test_some_labelled_slices_and_no_test_stack(pair):
    for masks in (MASKS[:5], MASKS):
        own = pair(masks=masks, slices=(1, 4, 6, 9, 12))
        lists = draw_lists([own], [], None, seed=1)
        kept = lists["val.txt"]
        labelled = lists["even_4_seed1/labeled.txt"]
        numbers = {int(image[-7:-4]) for image, _ in kept + labelled}
        assert len(kept) == 1 and len(labelled) == 4 and numbers == {1, 4, 6, 9, 12}
        rest = [image for image, _ in lists["even_4_seed1/unlabeled.txt"]]
        assert len(rest) == 7 and kept[0][0] not in rest
    assert own.mask_of[3] == 3 and pair(MASKS[:5], (1, 4, 6, 9, 12)).mask_of[3] == 1


def test_too_few_slices(pair):
    with pytest.raises(ValueError, match="1 of the 1 slices with a mask for validation"):
        draw_lists([pair(slices=(3,))], [], None, 0)
    with pytest.raises(ValueError, match=r"--labelled 6: expected from 1 to 4"):
        draw_lists([pair(slices=(1, 2, 3, 4, 5))], [6], None, 0)
    with pytest.raises(ValueError, match=r"--labelled 12: expected from 1 to 11"):
        draw_lists([pair(), pair()._replace(name="test")], [12], None, 0)


def test_stacks_that_do_not_fit(pair, write):
    with pytest.raises(FileError, match=r"mask.tif has 5 pages, .*image.tif has 12.*--labelled-sl"):
        pair(masks=MASKS[:5])
    with pytest.raises(FileError, match=r"or for each of the 3 labelled slices"):
        pair(masks=MASKS[:5], slices=(1, 2, 3))
    with pytest.raises(FileError, match=r"pages of 18x16 pixels .*of 20x16: they must have one"):
        pair(masks=MASKS[..., :18])
    with pytest.raises(ValueError, match="labelled slices 1, 13: expected different numbers"):
        pair(slices=(1, 13))
    with pytest.raises(ValueError, match="labelled slices 2, 2: expected different numbers"):
        pair(slices=(2, 2))
    coloured = write("colours", np.repeat(MASKS[..., None], 3, -1), photometric="rgb")
    with pytest.raises(FileError, match="has colours: expected one channel"):
        open_pair("train", write("image", IMAGES), coloured, ())


def test_share_of_foreground(pair):
    share = look_at_masks(pair(slices=(2, 5)), None)
    assert share == {
        1: pytest.approx((MASKS[1] > 0).mean()),
        4: pytest.approx((MASKS[4] > 0).mean()),
    }
    numbered = (MASKS // 255).astype(np.int16) * RNG.integers(1, 300, MASKS.shape, np.int16)
    share = look_at_masks(pair(masks=numbered), above=0)
    assert share[7] == pytest.approx((MASKS[7] > 0).mean())


def test_masks_of_other_values(pair):
    for value, what in ((0, "background"), (255, "foreground")):
        with pytest.raises(FileError, match=f"all pixels of its 12 masks are {what}"):
            look_at_masks(pair(masks=np.full_like(MASKS, value)), None)
    soft = MASKS.copy()
    soft[5, 0, :2] = 100, 200
    with pytest.raises(FileError, match=r"holds the values \[0, 100, 200, 255\].*--above 127"):
        look_at_masks(pair(masks=soft), None)
    assert look_at_masks(pair(masks=soft), 127)
    with pytest.raises(FileError, match=r"holds the values \[1, 2\]"):
        look_at_masks(pair(masks=MASKS // 255 + 1), None)
