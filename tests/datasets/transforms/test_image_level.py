# SPDX-License-Identifier: Apache-2.0
"""Images with one label: loaded, drawn by recipe and seed, sized for testing, packed."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from rankseg.datasets.transforms import DrawViews, LoadImage, PackEval, PackViews, ResizeCenter
from rankseg.datasets.transforms.recipes import rand_augment


def photo(height=32, width=32):
    small = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def loaded(seed=(0, 0, 0), image=None, **more):
    image = photo() if image is None else image
    return LoadImage()({"img": image, "img_path": "train/00000", "seed": seed, **more})


def test_the_label_is_a_map_of_one_pixel():
    results = loaded(gt_label=7)
    assert results["seg_map"].dtype == np.int64 and results["seg_map"].tolist() == [[7]]
    assert results["valid"].tolist() == [[True]]
    assert results["ori_shape"] == (1, 1) and results["img_shape"] == (32, 32)
    assert "seg_map" not in loaded()


def test_files_are_read_as_rgb(tmp_path):
    Image.new("RGB", (6, 4), (250, 10, 20)).save(tmp_path / "a.png")
    results = LoadImage()({"img_path": str(tmp_path / "a.png")})
    assert results["img"].shape == (4, 6, 3) and results["img"][0, 0].tolist() == [250, 10, 20]
    with pytest.raises(FileNotFoundError, match=r"image .*b\.png, but it does not exist"):
        LoadImage()({"img_path": str(tmp_path / "b.png")})


def test_views_are_drawn_from_the_loaded_image_each_on_its_own():
    identity = DrawViews(weak=[], strong=[{"type": "NoOp"}], num=1)(loaded())
    assert np.array_equal(identity["img"], photo()) and np.array_equal(identity["strong1"], photo())
    turned = DrawViews([{"type": "HorizontalFlip", "p": 1}], [{"type": "NoOp"}])(loaded())
    assert np.array_equal(turned["img"], photo()[:, ::-1])
    assert np.array_equal(turned["strong1"], photo()), "not from the weak view"
    flip = [{"type": "HorizontalFlip", "p": 0.5}]
    pairs = set()
    for seed in range(40):
        results = DrawViews(weak=flip, strong=flip, num=2)(loaded((0, 0, seed)))
        views = [results["img"], results["strong1"], results["strong2"]]
        flipped = tuple(not np.array_equal(view, photo()) for view in views)
        expected = [photo()[:, ::-1] if is_flipped else photo() for is_flipped in flipped]
        assert all(np.array_equal(*pair) for pair in zip(views, expected, strict=True))
        pairs.add(flipped)
    assert len(pairs) == 8, "a flip of the weak view says nothing about the others"


@pytest.mark.parametrize("recipe", ["flip_crop", "fixmatch", "moco_v2"])
def test_the_same_seed_gives_the_same_views_whatever_was_drawn_before(recipe):
    one = DrawViews(weak="flip_crop", strong=recipe, size=32, num=2)
    other = DrawViews(weak="flip_crop", strong=recipe, size=32, num=3)
    changed = 0
    for seed in range(12):
        first = one(loaded((3, 1, seed)))
        one(loaded((3, 9, 99)))
        np.random.seed(seed)
        again, more = one(loaded((3, 1, seed))), other(loaded((3, 1, seed)))
        next_pass = one(loaded((3, 2, seed)))
        for view in ("img", "strong1", "strong2"):
            assert np.array_equal(first[view], again[view])
            assert np.array_equal(first[view], more[view])
            changed += not np.array_equal(first[view], next_pass[view])
    assert changed > 30 and "strong3" in more and "strong3" not in first


def test_no_strong_recipe_gives_no_strong_view():
    assert "strong1" not in DrawViews(weak="crop", size=32)(loaded())
    assert "strong1" not in DrawViews(weak="crop", strong="fixmatch", size=32, num=0)(loaded())


def test_arrays_that_cannot_be_written_to():
    image = photo()
    image.flags.writeable = False
    results = DrawViews(strong="fixmatch", size=32)(loaded(image=image, gt_label=1))
    packed = PackViews(labeled=False)(results)["inputs"]
    packed["weak"][:] = 0
    assert np.array_equal(image, photo()) and packed["strong1"].shape == (3, 32, 32)


def test_two_picks_with_repetition_each_with_a_chance_of_one_half():
    """Pool of 14, of which one does nothing: 1/2 + 1/28 of the picks leave the image alone."""
    steps = DrawViews(strong="fixmatch", size=32).recipes[1]
    order = steps[-2]
    assert (type(order).__name__, order.n, order.replace, len(order.transforms)) == (
        "RandomOrder", 2, True, 14)  # fmt: skip
    draw = DrawViews(strong=rand_augment(32)[:1], num=1)
    same = [np.array_equal(draw(loaded((0, 0, seed)))["strong1"], photo()) for seed in range(600)]
    assert np.mean(same) == pytest.approx((15 / 28) ** 2, abs=0.06)


@pytest.mark.parametrize(("options", "match"), [
    ({"weak": "mild"}, "but got 'mild'"), ({"weak": "flip_crop"}, "the side of the crop"),
    ({"weak": [{"type": "Flop"}]}, "but got 'Flop'"), ({"num": -1}, "to be 0 or more, but got -1"),
])  # fmt: skip
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        DrawViews(**options)


def test_image_that_is_too_small_for_the_crop():
    match = r"crop of view 'weak', but got 20x16 pixels for train/00000 .* Add a resize"
    with pytest.raises(ValueError, match=match):
        DrawViews(weak="flip_crop", size=32)(loaded(image=photo(16, 20)))


@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 64), (20, 10), (28, 28)])
def test_resize_center_shows_the_middle(height, width):
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([255 * rows / height, 255 * columns / width, 0 * rows], -1).astype(np.uint8)
    got = ResizeCenter(size=28)({"img": image})
    assert got["img"].shape == (28, 28, 3) and got["img_shape"] == (28, 28)
    short = min(height, width) * 0.875  # side of the middle square in pixels of the image
    for channel, total in ((0, height), (1, width)):
        line = got["img"][..., channel].mean(1 - channel)
        want = 255 * (0.5 + (np.arange(28) - 13.5) / 28 * short / total)
        assert np.abs(line - want).max() < 255 / total + 3
    whole = ResizeCenter(size=28, share=1)({"img": image})
    assert whole["img"].shape == (28, 28, 3)


def test_resize_center_needs_no_seed_and_shrinks_without_aliasing():
    checks = np.indices((256, 256)).sum(0)[..., None].repeat(3, -1) % 2 * 255
    shrunk = ResizeCenter(size=32, share=1)({"img": checks.astype(np.uint8)})["img"]
    assert np.abs(shrunk.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("options", [{"size": 0}, {"size": 8.5}, {"size": 8, "share": 0}])
def test_resize_center_options(options):
    with pytest.raises(ValueError, match="of ResizeCenter to be .* but got"):
        ResizeCenter(**options)


def test_packed_for_training_and_for_testing():
    results = loaded(gt_label=3, sample_idx=5)
    labeled = PackViews(labeled=True)(DrawViews("flip_crop", size=32)(dict(results)))
    sample = labeled["data_samples"]["labeled"]
    assert labeled["inputs"]["labeled"].shape == (3, 32, 32)
    assert sample.gt_sem_seg.data.dtype == torch.int64 and sample.gt_sem_seg.data.tolist() == [
        [[3]]
    ]
    assert (sample.sample_idx, sample.ori_shape, sample.img_shape) == (5, (1, 1), (32, 32))
    draw = DrawViews("flip_crop", "fixmatch", size=32, num=2)
    unlabeled = PackViews(labeled=False)(draw(dict(results)))
    assert list(unlabeled["inputs"]) == ["weak", "strong1", "strong2"]
    weak = unlabeled["data_samples"]["weak"]
    assert weak.gt_sem_seg.data.item() == 3 and weak.valid.data.tolist() == [[[True]]]
    packed = PackEval()(ResizeCenter(16)(dict(results)))
    assert packed["inputs"].shape == (3, 16, 16)
    assert packed["data_samples"].gt_sem_seg.data.shape == (1, 1, 1)


def test_a_crop_that_shows_next_to_nothing_is_refused():
    views = DrawViews(weak="flip_crop", strong="fixmatch", size=16)
    image = np.zeros((90, 60, 3), np.uint8)
    with pytest.raises(ValueError, match="about 16x16 pixels for recipe 'flip_crop', .* got 60x90"):
        views({"img": image, "img_path": "a.png", "seed": (0, 0, 0), "img_shape": (90, 60)})
    resized = DrawViews(weak="resized_crop", strong="moco_v2", size=16)
    out = resized({"img": image, "seed": (0, 0, 0), "img_shape": (90, 60)})
    assert out["img"].shape == out["strong1"].shape == (16, 16, 3)


def test_the_weak_recipe_again():
    views = DrawViews(weak="flip_crop", strong="weak", size=16)
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    out = views({"img": image, "seed": (0, 0, 0), "img_shape": (16, 16)})
    assert out["strong1"].shape == out["img"].shape
    assert views.recipes[0] is not views.recipes[1] and len(views.recipes[1]) == 3
