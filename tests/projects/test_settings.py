# SPDX-License-Identifier: Apache-2.0
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rankseg.imageio.reading import ImageInfo
from rankseg.models.losses.agents import check_num_agents
from rankseg.projects import settings as starter
from rankseg.projects.encoders import Encoder
from rankseg.projects.machine import Machine
from rankseg.projects.settings import (
    CROPS,
    LARGE,
    MEDIUM,
    PRETRAINED,
    PRETRAINED_GPU,
    SMALL,
    choose_settings,
    class_weights,
    crop_sizes,
    num_agents_for,
)
from rankseg.projects.survey import Survey
from rankseg.training.network_checks import fits

CPU = Machine(cores=4, memory=16)


def found(height: int = 512, width: int = 512, foreground: float = 0.5, number: int = 5) -> Survey:
    look = ImageInfo(height, width)
    pixels = np.zeros((number, 256), np.int64)
    pixels[:, 0], pixels[:, 1] = 1000 * (1 - foreground), 1000 * foreground
    pixels[:, 255] = 500
    plan = SimpleNamespace(classes=("a", "b"))
    return Survey(None, plan, pixels, [look] * number, [], Counter(), [])


def encoder(multiple: int = 1) -> Encoder:
    strides = (4, 16) if multiple == 1 else (multiple,) * 4
    return Encoder("e", Path("w.pth"), "mit", 5, tuple(range(len(strides))), strides, multiple)


def test_pretrained_encoders_train_shortly():
    chosen = choose_settings(found(352, 352), 13, 300, CPU, encoder=encoder())
    assert (chosen.network, chosen.crop, chosen.iterations) == (PRETRAINED, 129, 1600)
    assert (chosen.shrink, chosen.scale, chosen.validations) == (2.0, (0.4, 0.7), 4)
    many = choose_settings(found(352, 352), 13, 1150, CPU, encoder=encoder())
    assert many.iterations == 2300, "eight passes, in hundreds"
    assert choose_settings(found(), 13, 99_999, CPU, encoder=encoder()).iterations == 4000
    gpu = choose_settings(found(), 13, 300, Machine(8, 64, 24), encoder=encoder(14))
    assert (gpu.network, gpu.crop, gpu.shrink) == (PRETRAINED_GPU, 322, 1.0)


@pytest.mark.parametrize(("multiple", "near"), [(14, 126), (16, 128), (32, 128)])
def test_crops_are_multiples_of_the_patch(multiple, near):
    sizes = crop_sizes(encoder(multiple))
    assert near in sizes and all(size % multiple == 0 for size in sizes)
    assert crop_sizes(encoder()) == list(CROPS)


def test_class_weights_by_hand():
    pixels = np.zeros((2, 256), np.int64)
    pixels[0, :2], pixels[1, :2], pixels[:, 255] = (81, 9), (0, 10), 1000
    assert class_weights(pixels, 2) == (0.832, 1.717)  # 1 / 0.9 and 1 / 0.4359, over 1.3359
    pixels[0, 2] = 0
    absent = class_weights(pixels, 3)
    assert absent[2] == pytest.approx((0.001 / 0.19) ** -0.5 * absent[1], rel=1e-3)


@pytest.mark.parametrize("power", [-0.1, 1.5, float("nan")])
def test_power_of_class_weights_is_a_fraction(power):
    with pytest.raises(ValueError, match="power .* from 0 .* to 1"):
        class_weights(np.ones((1, 256)), 2, power)


@pytest.mark.parametrize(
    ("counts", "power", "weighted"),
    [
        ([79, 21], 0.5, False),  # an equal share is 50%, and 40% of it 20%
        ([81, 19], 0.5, True),
        ([11, 39, 39, 11], 0.25, False),  # 10%
        ([1, 16, 0, 64], 0.25, True),
        ([100] + [0] * 49, 0.5, True),
        ([0, 0], 0.5, False),  # nothing is labeled
    ],
)
def test_weights_only_if_a_class_is_rare(counts, power, weighted):
    pixels = np.zeros((1, 256), np.int64)
    pixels[0, : len(counts)] = counts
    weights = class_weights(pixels, len(counts), power)
    if not weighted:
        assert weights == (1.0,) * len(counts)
    else:
        share = np.array(counts) / sum(counts)
        assert np.dot(weights, share) == pytest.approx(1, abs=1e-3), "mean over labeled pixels"
        share = share.clip(0.001)
        for i, j in ((0, 1), (0, len(counts) - 1)):
            ratio = (share[j] / share[i]) ** power
            assert weights[i] / weights[j] == pytest.approx(ratio, rel=2e-3)


def test_network_depends_on_the_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(starter, "WEIGHTS", tmp_path / "w.pth")
    assert choose_settings(found(), 4, 9, CPU).network == SMALL
    assert choose_settings(found(), 4, 9, Machine(4, 16, 8)).network == MEDIUM
    assert choose_settings(found(), 4, 9, Machine(4, 16, 80)).network == MEDIUM
    (tmp_path / "w.pth").touch()
    assert choose_settings(found(), 4, 9, Machine(4, 16, 80)).network == LARGE
    assert choose_settings(found(), 4, 9, Machine(4, 16, 8)).network == MEDIUM


@pytest.mark.parametrize(
    ("side", "gpu", "crop"),
    [(40, 0, 65), (100, 0, 97), (512, 0, 129), (512, 8, 257), (200, 8, 193)],
)
def test_crop_is_not_larger_than_the_images(side, gpu, crop):
    assert choose_settings(found(side, 2 * side), 4, 9, Machine(4, 16, gpu)).crop == crop


@pytest.mark.parametrize("crop", CROPS)
def test_crops_and_agents_fit_the_network(crop):
    cells = (crop - 1) // 16 + 1
    assert fits(crop, cells, align_corners=True, step=16)
    check_num_agents(cells**2, num_agents_for(crop))
    assert [num_agents_for(n) for n in (33, 129, 321, 801)] == [4, 10, 55, 128]


@pytest.mark.parametrize(("unlabeled", "iterations"), [(3, 3000), (165, 3500), (9999, 6000)])
def test_iterations_depend_on_the_unlabeled_images(unlabeled, iterations):
    chosen = choose_settings(found(), 4, unlabeled, CPU)
    assert chosen.iterations == iterations
    assert (chosen.passes, chosen.validations) == (80, 10)


def test_rare_foreground_is_cropped_more_often():
    rare = choose_settings(found(foreground=0.05), 4, 9, CPU)
    assert rare.min_foreground == 0.02
    assert rare.foreground == pytest.approx(0.05), "ignored pixels do not count"
    common = choose_settings(found(foreground=0.5), 4, 9, CPU)
    assert common.min_foreground == 0.0
    some = found(foreground=0.13)
    assert choose_settings(some, 4, 9, CPU).min_foreground == 0.02
    assert choose_settings(some, 4, 9, CPU, encoder=encoder()).min_foreground == 0.0


def test_microscopy_has_fixed_scales():
    settings = choose_settings(found(1024, 1024, 0.05), 4, 9, CPU, 60.0)
    assert (settings.scale, settings.shrink, settings.window, settings.crop) == (
        (0.4, 0.625),
        2.0,
        129,
        129,
    )
    assert settings.min_foreground == 0
    assert choose_settings(found(1024, 1024, 0.01), 4, 9, CPU, 60.0).min_foreground == 0.02
    assert choose_settings(found(1024, 1024), 4, 9, Machine(4, 16, 8), 60.0).shrink == 1.0
    unknown = choose_settings(found(1024, 1024), 4, 9, CPU, 0.0)
    assert (unknown.scale, unknown.shrink, unknown.microscopy) == ((0.8, 1.25), 1.0, True)
    photo = choose_settings(found(1024, 1024), 4, 9, CPU)
    assert (photo.scale, photo.shrink, photo.microscopy) == ((0.5, 2.0), 1.0, False)


@pytest.mark.parametrize(
    ("side", "width", "shrink"),
    [
        (256, None, 1.5),  # a crop of 129 pixels shows two thirds
        (256, 100.0, 1.5),
        (256, 24.0, 1.5),  # the objects keep 16 pixels
        (256, 21.8, 1.0),  # it shows half
        (2000, None, 10.5),
        (2000, 120.0, 8.0),  # it shows half to two thirds
        (2000, 128.0, 8.0),
        (2000, 150.0, 9.0),
        (2000, 5.0, 8.0),
        (100, 5.0, 1.0),
    ],
)
def test_photos_with_small_objects_are_shrunk_less(side, width, shrink):
    chosen = choose_settings(found(side, 2 * side), 4, 9, CPU, encoder=encoder(), small_width=width)
    assert chosen.shrink == shrink
    assert chosen.scale == (round(0.8 / shrink, 3), round(1.4 / shrink, 3))


@pytest.mark.parametrize(("side", "shrink"), [(2000, 6.0), (260, 2.0), (200, 1.5), (100, 1.0)])
def test_shrunk_images_are_not_smaller_than_the_crop(side, shrink):
    assert choose_settings(found(side, side), 4, 9, CPU, 200.0).shrink == shrink


def test_cache_and_windows_depend_on_memory():
    assert choose_settings(found(), 4, 9, CPU).cache == (4, 9)
    assert choose_settings(found(), 4, 99_999, CPU).cache == (0, 0)
    assert choose_settings(found(), 4, 9, CPU).window == 0
    assert choose_settings(found(2000, 3000), 4, 9, CPU).window == 513
    assert choose_settings(found(2000, 3000), 4, 9, Machine(4, 16, 24)).window == 0
    assert choose_settings(found(), 4, 9, Machine(1, 16)).workers == 1
