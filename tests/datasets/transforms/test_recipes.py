# SPDX-License-Identifier: Apache-2.0
"""Named recipes against Pillow, which the papers used, and against their published numbers."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from rankseg.datasets.transforms import recipes
from rankseg.datasets.transforms.photometric import build_albumentation
from rankseg.datasets.transforms.recipes import FIXMATCH_POOL, RECIPES, read_recipe


def photo(size=32):
    small = np.random.default_rng(0).integers(30, 220, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)


def run(config, image=None):
    image = photo() if image is None else image
    return build_albumentation({**config, "p": 1}, geometry=True)(image=image)["image"]


def strongest(row, key, value):
    """One operation of the pool with its strength fixed."""
    return {**FIXMATCH_POOL[row], key: value}


def affine(values):
    image = Image.fromarray(photo())
    return image.transform(image.size, Image.AFFINE, values, fillcolor=(127, 127, 127))


POOL = [
    (0, {}, ImageOps.autocontrast, 1),
    (1, {"brightness": (0.05, 0.05)}, lambda im: ImageEnhance.Brightness(im).enhance(0.05), 1),
    (2, {"saturation": (0.4, 0.4)}, lambda im: ImageEnhance.Color(im).enhance(0.4), 2),
    (3, {"contrast": (0.3, 0.3)}, lambda im: ImageEnhance.Contrast(im).enhance(0.3), 2),
    (4, {}, ImageOps.equalize, 5),
    (5, {}, lambda im: im, 0),
    (6, {"num_bits": (4, 4)}, lambda im: ImageOps.posterize(im, 4), 0),
    (8, {"factor": (0.05, 0.05)}, lambda im: ImageEnhance.Sharpness(im).enhance(0.05), 1),
    (11, {"threshold_range": (0.5, 0.5)}, lambda im: ImageOps.solarize(im, 128), 0),
]


@pytest.mark.parametrize(("row", "fixed", "pillow", "levels"), POOL)
def test_colors_of_the_pool_are_those_of_pillow(row, fixed, pillow, levels):
    got = run({**FIXMATCH_POOL[row], **fixed}).astype(int)
    want = np.asarray(pillow(Image.fromarray(photo())))
    inside = slice(1, -1) if "factor" in fixed else slice(None)
    assert np.abs(got - want)[inside, inside].max() <= levels


SHEAR = recipes.SHEAR


@pytest.mark.parametrize(("row", "fixed", "values"), [
    (9, {"shear": {"x": (SHEAR, SHEAR), "y": 0}}, (1, 0.3, -0.3 * 16, 0, 1, 0)),
    (10, {"shear": {"x": 0, "y": (-SHEAR, -SHEAR)}}, (1, 0, 0, -0.3, 1, 0.3 * 16)),
    (12, {"translate_percent": {"x": (0.25, 0.25), "y": 0}}, (1, 0, -8, 0, 1, 0)),
    (13, {"translate_percent": {"x": 0, "y": (-0.25, -0.25)}}, (1, 0, 0, 0, 1, 8)),
])  # fmt: skip
def test_moves_of_the_pool_are_those_of_pillow(row, fixed, values):
    got = run({**FIXMATCH_POOL[row], **fixed}).astype(int)
    assert (np.abs(got - np.asarray(affine(values))).max(-1) > 0).mean() < 0.02
    assert (got == 127).all(-1).mean() > 0.05, "gray moves in"


def test_rotation_of_the_pool_is_that_of_pillow():
    got = run(strongest(7, "limit", (20, 20)))
    want = np.asarray(Image.fromarray(photo()).rotate(20, fillcolor=(127, 127, 127)))
    assert (np.abs(got.astype(int) - want).max(-1) > 0).mean() < 0.02


def test_pool_has_the_published_ranges():
    assert len(FIXMATCH_POOL) == 14 and {config["p"] for config in FIXMATCH_POOL} == {0.5}
    assert [FIXMATCH_POOL[i][key] for i, key in
            ((1, "brightness"), (2, "saturation"), (3, "contrast"), (8, "factor"))] == [
        (0.05, 0.95)] * 4  # fmt: skip
    assert FIXMATCH_POOL[6]["num_bits"] == (4, 8) and FIXMATCH_POOL[7]["limit"] == (-30, 30)
    assert FIXMATCH_POOL[11]["threshold_range"] == (0, 1)
    assert FIXMATCH_POOL[12]["translate_percent"]["x"] == (-0.3, 0.3)
    assert np.tan(np.radians(FIXMATCH_POOL[9]["shear"]["x"])) == pytest.approx([-0.3, 0.3])


def test_flip_crop_is_one_of_all_places_and_both_ways_round():
    image = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
    image = np.stack([image // 256, image % 256, 0 * image], -1).astype(np.uint8)
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="reflect")
    places = {}
    for flip in (0, 1):
        for top in range(9):
            for left in range(9):
                one = (padded[:, ::-1] if flip else padded)[top : top + 32, left : left + 32]
                places[one.tobytes()] = (flip, top, left)
    steps = [build_albumentation(config, geometry=True) for config in RECIPES["flip_crop"](32)]
    seen = []
    for seed in range(600):
        view = image
        for step in steps:
            step.set_random_seed(seed)
            view = step(image=view)["image"]
        seen.append(places[view.tobytes()])
    flips, tops, lefts = zip(*seen, strict=True)
    assert 0.4 < np.mean(flips) < 0.6
    assert set(tops) == set(lefts) == set(range(9))


def test_digits_are_never_flipped():
    assert "Flip" not in str(RECIPES["fixmatch_no_flip"](32)) + str(RECIPES["crop"](32))
    assert RECIPES["fixmatch_no_flip"](32) == RECIPES["fixmatch"](32)[1:]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("size", [32, 96])
def test_every_recipe_gives_its_size(name, size):
    image = photo(size)
    for config in read_recipe(name, size):
        image = build_albumentation(config, geometry=True)(image=image)["image"]
    assert image.shape == (size, size, 3) and image.dtype == np.uint8


def test_moco_v2_is_the_published_one():
    cut, jitter, gray, blur, flip = RECIPES["moco_v2"](224)
    assert cut["scale"] == (0.2, 1) and cut["size"] == (224, 224)
    assert [jitter[k] for k in ("brightness", "contrast", "saturation", "hue", "p")] == [
        0.4, 0.4, 0.4, 0.1, 0.8]  # fmt: skip
    assert (gray["p"], blur["p"], blur["sigma_limit"], flip["p"]) == (0.2, 0.5, (0.1, 2.0), 0.5)


def test_a_recipe_is_a_name_or_a_list():
    assert read_recipe([{"type": "NoOp"}], None) == [{"type": "NoOp"}]
    assert read_recipe(None, None) == []
    with pytest.raises(ValueError, match="one of crop, flip_crop, .* but got 'fix'"):
        read_recipe("fix", 32)
    with pytest.raises(ValueError, match="crop of recipe 'fixmatch' in pixels, but got None"):
        read_recipe("fixmatch", None)
