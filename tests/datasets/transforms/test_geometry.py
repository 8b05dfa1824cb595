# SPDX-License-Identifier: Apache-2.0
"""The crop against the slow, obvious way: resize all, pad, crop, flip."""

import cv2
import numpy as np
import pytest
from PIL import Image

from rankseg.datasets.transforms.geometry import (
    Placement,
    RandomResizeCropFlip,
    crop_image,
    crop_mask,
    draw_placement,
    valid_map,
)

RNG = np.random.default_rng(0)


def noise(height, width):
    image = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mask = RNG.integers(0, 21, (height, width), dtype=np.uint8)
    mask[RNG.random((height, width)) < 0.1] = 255
    return image, mask


def slowly(image, mask, placement, crop):
    """Every step on the whole image; nearest by its definition, one pixel after another."""
    (high, wide), (top, left) = placement.resized, placement.corner
    image_big = cv2.resize(image, (wide, high), interpolation=cv2.INTER_LINEAR)
    rows = [int((y + 0.5) * mask.shape[0] / high) for y in range(high)]
    columns = [int((x + 0.5) * mask.shape[1] / wide) for x in range(wide)]
    mask_big = np.array([[mask[y, x] for x in columns] for y in rows], np.uint8)
    pad = [(0, max(0, crop[0] - high)), (0, max(0, crop[1] - wide))]
    image_big = np.pad(image_big, [*pad, (0, 0)], constant_values=0)
    mask_big = np.pad(mask_big, pad, constant_values=255)
    valid = np.pad(np.ones((high, wide), bool), pad, constant_values=False)
    window = np.s_[top : top + crop[0], left : left + crop[1]]
    parts = image_big[window], mask_big[window], valid[window]
    return [part[:, ::-1] for part in parts] if placement.flip else list(parts)


CASES = {  # image size, crop
    "large image": ((90, 120), (33, 33)),
    "tall image": ((120, 47), (33, 65)),
    "smaller than the crop": ((20, 30), (65, 65)),
    "smaller one way only": ((20, 90), (33, 33)),
    "equal to the crop": ((33, 33), (33, 33)),
    "one row": ((1, 50), (33, 33)),
    "one column": ((50, 1), (33, 33)),
    "one pixel": ((1, 1), (5, 5)),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_resize_pad_crop_flip(case):
    shape, crop = CASES[case]
    image, mask = noise(*shape)
    flips = set()
    for seed in range(12):
        placement = draw_placement(np.random.default_rng(seed), shape, crop, (0.5, 2.0), 0.5)
        flips.add(placement.flip)
        want_image, want_mask, want_valid = slowly(image, mask, placement, crop)
        got = crop_image(image, placement, crop, antialias=False)
        assert got.shape == (*crop, 3) and got.dtype == np.uint8
        assert np.abs(got.astype(int) - want_image).max() <= 1, placement
        assert np.array_equal(crop_mask(mask, placement, crop), want_mask), placement
        assert np.array_equal(valid_map(placement, crop), want_valid), placement
    assert flips == {True, False}


def by_pil(image, placement, crop):
    """PIL's bilinear resizing of the whole image, cut out."""
    (high, wide), (top, left), (height, width) = placement[:3]
    large = np.asarray(Image.fromarray(image).resize((wide, high), Image.Resampling.BILINEAR))
    part = large[top : top + height, left : left + width]
    canvas = np.zeros((*crop, 3), np.uint8)
    part = part[:, ::-1] if placement.flip else part
    canvas[:height, crop[1] - width if placement.flip else 0 :][:, :width] = part
    return canvas


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("ratio", [0.25, 0.4, 0.5, 0.6, 0.75, 0.95])
@pytest.mark.parametrize(("shape", "crop"), [((240, 320), 33), ((240, 320), 129), ((90, 61), 65)])
def test_shrinks_like_pil(shape, crop, ratio, flip):
    image = noise(*shape)[0]
    resized = tuple(round(side * ratio) for side in shape)
    inside = tuple(min(side, crop) for side in resized)
    image.flags.writeable = flip
    for share in (0.0, 0.5, 1.0):
        corner = tuple(int((a - b) * share) for a, b in zip(resized, inside, strict=True))
        placement = Placement(resized, corner, inside, flip)
        got = crop_image(image, placement, (crop, crop))
        wanted = by_pil(image, placement, (crop, crop))
        assert np.abs(got.astype(int) - wanted).max() <= 2
        plain = crop_image(image, placement, (crop, crop), antialias=False)
        assert np.abs(plain.astype(int) - wanted).max() > 4
        assert got.flags.c_contiguous


def test_a_small_crop_reads_its_surroundings_only():
    image = noise(200, 300)[0]
    placement = Placement((100, 150), (30, 40), (33, 33), True)
    changed = image.copy()
    changed[:50], changed[140:], changed[:, :70], changed[:, 160:] = 0, 0, 0, 0
    one, other = (crop_image(each, placement, (33, 33)) for each in (image, changed))
    assert np.array_equal(one, other)


def test_crop_equal_to_the_image_copies_every_pixel():
    image, mask = noise(33, 33)
    results = {"img": image, "seg_map": mask, "seed": (0, 0, 0)}
    out = RandomResizeCropFlip(33, scale=(1, 1), flip=0)(dict(results))
    assert np.array_equal(out["img"], image) and np.array_equal(out["seg_map"], mask)
    assert out["valid"].all() and out["img_shape"] == (33, 33)
    flipped = RandomResizeCropFlip(33, scale=(1, 1), flip=1)(dict(results))
    assert np.array_equal(flipped["img"], image[:, ::-1])
    assert np.array_equal(flipped["seg_map"], mask[:, ::-1])


def test_padding_is_below_and_right_and_a_flip_moves_it_left():
    placement = Placement((2, 3), (0, 0), (2, 3), flip=False)
    image, mask = np.full((2, 3, 3), 9, np.uint8), np.full((2, 3), 7, np.uint8)
    expected = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], bool)
    for one, want in (
        (placement, expected),
        (placement._replace(flip=True), expected[:, ::-1]),
    ):
        assert np.array_equal(valid_map(one, (3, 4)), want)
        assert np.array_equal(crop_mask(mask, one, (3, 4)), np.where(want, 7, 255))
        assert np.array_equal(crop_image(image, one, (3, 4))[..., 0], np.where(want, 9, 0))


def test_placements_spread_over_scale_position_and_flip():
    rng = np.random.default_rng(0)
    drawn = [draw_placement(rng, (60, 100), (40, 40), (0.5, 2.0), 0.5) for _ in range(2000)]
    longest = np.array([one.resized[1] for one in drawn])
    assert longest.min() == 50 and longest.max() == 200
    assert abs(longest.mean() - 125) < 3
    assert all(abs(one.resized[0] - one.resized[1] * 0.6) <= 0.5 for one in drawn)
    assert abs(np.mean([one.flip for one in drawn]) - 0.5) < 0.04
    room = [one.resized[0] - 40 for one in drawn]
    at = [one.corner[0] for one in drawn]
    assert max(a - r for a, r in zip(at, room, strict=True) if r > 0) == 0  # last row reached
    assert all(one.corner[0] == 0 for one in drawn if one.resized[0] <= 40)
    pairs = [(a, r) for a, r in zip(at, room, strict=True) if r > 20]
    assert abs(np.mean([a / r for a, r in pairs]) - 0.5) < 0.03


def rare(height=200, width=200):
    mask = np.zeros((height, width), np.uint8)
    mask[:100, 100:] = 255  # unlabeled pixels are no foreground
    mask[120:140, 40:60] = 1
    return {"img": np.zeros((height, width, 3), np.uint8), "seg_map": mask}


def share_of_foreground(transform, seeds=40):
    crops = [transform({**rare(), "seed": (0, 0, seed)})["seg_map"] for seed in range(seeds)]
    return np.array([(crop == 1).mean() for crop in crops])


def test_min_foreground_redraws_until_there_is_enough():
    plain = share_of_foreground(RandomResizeCropFlip(50, scale=(1, 1)))
    aware = share_of_foreground(RandomResizeCropFlip(50, scale=(1, 1), min_foreground=0.05))
    many = RandomResizeCropFlip(50, scale=(1, 1), min_foreground=0.05, tries=1000)
    assert (plain >= 0.05).mean() < 0.3 < 0.5 < (aware >= 0.05).mean()
    assert (share_of_foreground(many) >= 0.05).all()


def test_min_foreground_keeps_the_best_try_and_a_single_try_is_plain():
    kwargs = {"scale": (1, 1), "min_foreground": 1.0}
    best = [share_of_foreground(RandomResizeCropFlip(50, tries=n, **kwargs)) for n in (1, 5, 30)]
    assert (best[0] <= best[1]).all() and (best[1] <= best[2]).all()
    assert best[0].sum() < best[1].sum() < best[2].sum()
    assert np.array_equal(best[0], share_of_foreground(RandomResizeCropFlip(50, scale=(1, 1))))


def test_share_of_foreground_does_not_count_padding():
    mask = np.ones((10, 10), np.uint8)
    results = {"img": np.zeros((10, 10, 3), np.uint8), "seg_map": mask, "seed": (0, 0, 0)}
    calls = []

    class Counting(np.random.Generator):
        def random(self):
            calls.append(1)
            return super().random()

    transform = RandomResizeCropFlip(40, scale=(1, 1), min_foreground=0.9)
    transform._place_on_foreground(Counting(np.random.PCG64(0)), results["seg_map"])
    assert len(calls) == 1


def test_input_is_left_untouched():
    image, mask = noise(40, 40)
    before = image.copy(), mask.copy()
    RandomResizeCropFlip(33)({"img": image, "seg_map": mask, "seed": (0, 0, 0)})
    assert np.array_equal(image, before[0]) and np.array_equal(mask, before[1])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"crop_size": 0}, "crop_size to be 1 or 2 positive"),
        ({"crop_size": (3, 4, 5)}, "crop_size to be 1 or 2 positive"),
        ({"crop_size": 9, "scale": (0, 1)}, "0 < low <= high"),
        ({"crop_size": 9, "scale": (2, 1)}, "0 < low <= high"),
        ({"crop_size": 9, "flip": 1.5}, r"flip to be in \[0, 1\], but got 1.5"),
        ({"crop_size": 9, "min_foreground": 20}, "min_foreground to be in"),
        ({"crop_size": 9, "tries": 0}, "tries to be at least 1"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        RandomResizeCropFlip(**kwargs)


def test_min_foreground_without_a_mask_names_the_image():
    results = {"img": np.zeros((9, 9, 3), np.uint8), "seed": (0, 0, 0), "img_path": "a/b.jpg"}
    with pytest.raises(ValueError, match="a/b.jpg has none. Set it in the labeled pipeline"):
        RandomResizeCropFlip(9, min_foreground=0.1)(results)
