# SPDX-License-Identifier: Apache-2.0
"""Slices are drawn evenly, and stacks that do not fit are refused."""

import numpy as np
import pytest
import tifffile

from rankseg.errors import FileError
from rankseg.imageio.tiff_axes import Planes
from rankseg.projects.stack_masks import NONZERO, MaskRule, inspect_masks
from rankseg.projects.stack_pairs import declare_empty, draw_lists, even_slices, open_pair

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
    def pair(masks=MASKS, slices=(), images=IMAGES, rule=NONZERO):
        return open_pair("train", write("image", images), write("mask", masks), slices, rule)

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
    labeled = lists["even_3_seed0/labeled.txt"]
    assert all(mask == image.replace("images", "masks") for image, mask in labeled)
    rest = lists["even_3_seed0/unlabeled.txt"]
    assert len(labeled) == 3 and len(rest) == 9 and {mask for _, mask in rest} == {None}
    assert not {image for image, _ in labeled} & {image for image, _ in rest}


def test_some_labeled_slices_and_no_test_stack(pair):
    for masks in (MASKS[:5], MASKS):
        own = pair(masks=masks, slices=(1, 4, 6, 9, 12))
        lists = draw_lists([own], [], None, seed=1)
        kept = lists["val.txt"]
        labeled = lists["even_4_seed1/labeled.txt"]
        numbers = {int(image[-7:-4]) for image, _ in kept + labeled}
        assert len(kept) == 1 and len(labeled) == 4 and numbers == {1, 4, 6, 9, 12}
        rest = [image for image, _ in lists["even_4_seed1/unlabeled.txt"]]
        assert len(rest) == 7 and kept[0][0] not in rest
    assert own.mask_of[3] == 3 and pair(MASKS[:5], (1, 4, 6, 9, 12)).mask_of[3] == 1


def test_raises_on_too_few_slices(pair):
    with pytest.raises(ValueError, match="got 1 of 1 for validation"):
        draw_lists([pair(slices=(3,))], [], None, 0)
    with pytest.raises(ValueError, match=r"--labeled to be from 1 to 4, but got 6"):
        draw_lists([pair(slices=(1, 2, 3, 4, 5))], [6], None, 0)
    with pytest.raises(ValueError, match=r"--labeled to be from 1 to 11, but got 12"):
        draw_lists([pair(), pair()._replace(name="test")], [12], None, 0)


def test_raises_on_stacks_that_do_not_match(pair, write):
    with pytest.raises(
        FileError, match=r"mask.tif .* 12 pages of .*image.tif, but got 5.*--labeled-sl"
    ):
        pair(masks=MASKS[:5])
    with pytest.raises(FileError, match=r"or for each of the 3 labeled slices"):
        pair(masks=MASKS[:5], slices=(1, 2, 3))
    with pytest.raises(FileError, match=r"image.tif, 20x16 pixels .* but got 18x16"):
        pair(masks=MASKS[..., :18])
    with pytest.raises(
        ValueError, match="--labeled-slices to be different numbers from 1 to 12, .* got 1, 13"
    ):
        pair(slices=(1, 13))
    with pytest.raises(ValueError, match="but got 2, 2"):
        pair(slices=(2, 2))


@pytest.fixture
def look(pair):
    def look(above=None, **options):
        one = pair(rule=MaskRule(above), **options)
        return inspect_masks(one.masks, one.mask_of, one.rule).share

    return look


def test_share_of_foreground(look):
    share = look(slices=(2, 5))
    assert share == {
        1: pytest.approx((MASKS[1] > 0).mean()),
        4: pytest.approx((MASKS[4] > 0).mean()),
    }
    numbered = (MASKS // 255).astype(np.int16) * RNG.integers(1, 300, MASKS.shape, np.int16)
    assert look(0, masks=numbered)[7] == pytest.approx((MASKS[7] > 0).mean())


def test_raises_on_other_mask_values(look):
    for value, what in ((0, "background"), (255, "foreground")):
        with pytest.raises(FileError, match=f"all pixels of its 12 masks are {what}"):
            look(masks=np.full_like(MASKS, value))
    soft = MASKS.copy()
    soft[5, 0, :2] = 100, 200
    with pytest.raises(FileError, match=r"got the values \[0, 100, 200, 255\].*--above 127"):
        look(masks=soft)
    assert look(127, masks=soft)
    with pytest.raises(FileError, match=r"got the values \[1, 2\]"):
        look(masks=MASKS // 255 + 1)


def test_gray_masks_stored_as_rgb(write):
    path = write("rgb", np.repeat(MASKS[..., None], 3, -1), photometric="rgb")
    own = open_pair("train", write("image", IMAGES), path, ())
    share = inspect_masks(own.masks, own.mask_of, own.rule).share
    assert share[3] == pytest.approx((MASKS[3] > 0).mean())
    assert np.array_equal(own.mask(3), MASKS[3] > 0)


def test_suggests_no_threshold_for_gray_images(look):
    with pytest.raises(FileError, match="differ from pixel to pixel, .*--color red") as caught:
        look(masks=IMAGES)
    assert "--above 127" not in str(caught.value)


def sparse():
    """Masks of 12 slices, of which 3 and 8 are drawn."""
    masks = np.zeros_like(MASKS)
    masks[[2, 7]] = MASKS[[2, 7]]
    return masks


@pytest.mark.parametrize(
    ("slices", "option", "labeled"),
    [
        ((), None, [3, 8]),
        ((), "unlabeled", [3, 8]),
        ((), "background", list(range(1, 13))),
        ((3, 5, 8), None, [3, 5, 8]),
        ((3, 5, 8), "unlabeled", [3, 8]),
        ((3, 5, 8), "background", [3, 5, 8]),
    ],
)
def test_empty_masks_are_labels_if_declared(pair, slices, option, labeled):
    own = pair(masks=sparse(), slices=slices)
    share = inspect_masks(own.masks, own.mask_of, own.rule).share
    declared, empty = declare_empty(own, share, slices, option)
    assert [page + 1 for page in sorted(declared.mask_of)] == labeled
    assert [page + 1 for page in empty] == [n for n in slices or range(1, 13) if n not in (3, 8)]


def test_empty_masks_are_in_no_split(pair):
    own = pair(masks=sparse())
    share = inspect_masks(own.masks, own.mask_of, own.rule).share
    own, _ = declare_empty(own, share, (), None)
    lists = draw_lists([own], [], None, seed=0)
    drawn = lists["val.txt"] + lists["even_1_seed0/labeled.txt"]
    assert {image[-7:-4] for image, _ in drawn} == {"003", "008"}
    assert len(lists["even_1_seed0/unlabeled.txt"]) == 10
    lists = draw_lists([pair(), own._replace(name="test")], [3], None, seed=0)
    assert [image[-7:-4] for image, _ in lists["val.txt"]] == ["003", "008"]


def test_masks_follow_the_frame_of_the_images_and_not_the_channel(write):
    images, masks = np.stack([IMAGES, 255 - IMAGES], 1), np.stack([MASKS, MASKS[::-1]])
    kind = {"imagej": True}
    image = write("image", np.stack([images] * 2), metadata={"axes": "TZCYX"}, **kind)
    both = write("both", masks, metadata={"axes": "TZYX"}, **kind)
    one = write("one", MASKS, metadata={"axes": "ZYX"}, **kind)
    planes = Planes(channel=2, frame=2)
    for path, wanted in ((both, MASKS[::-1]), (one, MASKS)):
        own = open_pair("train", image, path, (), planes=planes)
        assert np.array_equal(own.images[4], 255 - IMAGES[4])
        assert np.array_equal(own.mask(4), wanted[4] > 0)
    two = write("two", np.stack([MASKS, 0 * MASKS], 1), metadata={"axes": "ZCYX"}, **kind)
    with pytest.raises(FileError, match=r"12 slices x 2 channels.*--mask-channel N"):
        open_pair("train", image, two, (), planes=planes)
    own = open_pair("train", image, two, (), planes=planes, mask_channel=1)
    assert np.array_equal(own.mask(4), MASKS[4] > 0)
