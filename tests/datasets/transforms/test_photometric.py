# SPDX-License-Identifier: Apache-2.0
"""Strong views: seeded, color only, and with torchvision's meaning of the recipe."""

import albumentations as A
import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from rankseg.datasets.transforms.photometric import StrongViews


def photo(size=48):
    smooth = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(smooth, (size, size), interpolation=cv2.INTER_CUBIC)


def views(transform, seed=(0, 0, 0)):
    return transform({"img": photo(), "seed": seed})


def test_views_differ_from_each_other_and_repeat_by_seed():
    transform, image = StrongViews(num=3), photo()
    first, again, other = views(transform), views(transform), views(transform, (0, 1, 0))
    assert np.array_equal(first["img"], image), "the weak view is left as it is"
    for view in ("strong1", "strong2", "strong3"):
        assert first[view].shape == image.shape and first[view].dtype == np.uint8
        assert np.array_equal(first[view], again[view])
        assert not np.array_equal(first[view], other[view])
    assert not np.array_equal(first["strong1"], first["strong2"])
    assert "strong4" not in first


def test_two_views_are_the_first_two_of_three():
    two, three = views(StrongViews(num=2)), views(StrongViews(num=3))
    assert np.array_equal(two["strong2"], three["strong2"])


def test_recipe_is_the_published_one():
    jitter, gray, blur = StrongViews().transforms
    assert jitter.brightness == jitter.contrast == jitter.saturation == (0.5, 1.5)
    assert jitter.hue == (-0.25, 0.25) and jitter.p == 0.8
    assert gray.p == 0.2 and gray.num_output_channels == 3
    assert blur.sigma_limit == (0.1, 2.0) and blur.p == 0.5
    assert blur.blur_limit == (0, 0), "kernel size follows from sigma"


def test_blur_is_a_gaussian_of_the_drawn_sigma():
    blur = {"type": "GaussianBlur", "sigma_limit": [2.0, 2.0], "blur_limit": 0, "p": 1.0}
    got = views(StrongViews(num=1, transforms=[blur]))["strong1"]
    want = cv2.GaussianBlur(photo(), (25, 25), 2.0, borderType=cv2.BORDER_REFLECT_101)
    assert np.abs(got.astype(int) - want)[7:-7, 7:-7].max() <= 1


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.5])
@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_jitter_means_what_torchvision_means(name, enhance, factor):
    config = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0)}
    config = {"type": "ColorJitter", **config, name: (factor, factor), "p": 1}
    got = views(StrongViews(num=1, transforms=[config]))["strong1"]
    want = np.asarray(enhance(Image.fromarray(photo())).enhance(factor))
    assert np.abs(got.astype(int) - want).max() <= 2


def test_hue_turns_by_a_share_of_the_circle():
    config = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1)}
    config = {"type": "ColorJitter", **config, "hue": (1 / 3, 1 / 3), "p": 1}
    red = np.full((4, 4, 3), (200, 50, 50), np.uint8)
    got = StrongViews(1, [config])({"img": red, "seed": (0, 0, 0)})["strong1"]
    assert np.abs(got.astype(int) - (50, 200, 50)).max() <= 2


def test_transforms_are_drawn_independently():
    """One seed for all would make every gray view a jittered one (p 0.2 inside p 0.8)."""
    jitter = {"type": "Solarize", "threshold_range": (0, 0), "p": 0.5}
    transform = StrongViews(1, [jitter, {"type": "ToGray", "p": 0.5}])
    black = np.full((2, 2, 3), (200, 20, 20), np.uint8)
    kinds = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for seed in range(400):
        view = transform({"img": black, "seed": (0, 0, seed)})["strong1"]
        gray = len(set(view[0, 0].tolist())) == 1
        inverted = view[0, 0].sum() > 380
        kinds[inverted, gray] += 1
    assert all(70 < number < 130 for number in kinds.values()), kinds


def test_no_global_random_state_is_read_or_changed():
    import random

    random.seed(1)
    np.random.seed(1)
    first = views(StrongViews())
    random.seed(2)
    np.random.seed(2)
    state = random.getstate(), np.random.get_state()[1].tolist()
    second = views(StrongViews())
    assert np.array_equal(first["strong2"], second["strong2"])
    assert state == (random.getstate(), np.random.get_state()[1].tolist())


def test_one_of_is_seeded_too():
    choice = {
        "type": "OneOf",
        "p": 1,
        "transforms": [{"type": "ToGray", "p": 1}, {"type": "InvertImg", "p": 1}],
    }
    transform = StrongViews(1, [choice])
    gray = [
        views(transform, (0, 0, seed))["strong1"].std(axis=-1).max() < 1e-6 for seed in range(30)
    ]
    assert 5 < sum(gray) < 25
    again = [
        views(transform, (0, 0, seed))["strong1"].std(axis=-1).max() < 1e-6 for seed in range(30)
    ]
    assert gray == again


def test_no_transforms_give_copies_of_the_weak_view():
    assert np.array_equal(views(StrongViews(1, []))["strong1"], photo())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "ColourJitter"}, "but got 'ColourJitter'"),
        ({"p": 1}, "but got None"),
        ({"type": "HorizontalFlip"}, "HorizontalFlip, which moves or removes pixels"),
        (
            {"type": "OneOf", "transforms": [{"type": "Affine"}]},
            "Affine, which moves or removes pixels",
        ),
        ({"type": "OneOf", "p": 1}, "transforms of OneOf to be a list of configs"),
        ({"type": "ColorJitter", "hue": -3.0}, "arguments of ColorJitter, but got"),
        ({"type": "ToGray", "prob": 1}, r"ToGray to be among .*'p'.* but got \['prob'\]"),
    ],
)
def test_bad_transforms(config, message):
    with pytest.raises(ValueError, match=message):
        StrongViews(1, [config])


def test_negative_number():
    with pytest.raises(ValueError, match="to be 0 or more, but got -1"):
        StrongViews(-1)


def test_albumentations_asks_nothing_on_the_net():
    import os

    assert os.environ["NO_ALBUMENTATIONS_UPDATE"]
    assert A.__version__
