# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.demo import scene as demo_scene
from rankseg.demo.scene import CLASSES, HUES, KINDS, PALETTE, noise, paint_scene


def scenes(count):
    return [paint_scene(np.random.default_rng(i)) for i in range(count)]


def test_image_and_label_have_one_size_in_the_stated_range():
    for image, label in scenes(10):
        assert image.dtype == label.dtype == np.uint8
        assert image.shape == (*label.shape, 3)
        assert 96 <= label.shape[0] <= 120
        assert 128 <= label.shape[1] <= 160
        assert label.max() < len(CLASSES)


def test_every_class_is_common_and_background_is_the_largest():
    labels = [label for _, label in scenes(60)]
    share = np.bincount(np.concatenate([x.ravel() for x in labels]), minlength=7)
    share = share / share.sum()
    assert 0.4 < share[0] < 0.75
    assert share[1:].min() > 0.01
    assert share[0] == share.max()


def test_every_class_has_a_name_a_color_a_hue_and_a_painter():
    assert len(CLASSES) == len(set(PALETTE)) == len(KINDS) == len(HUES) + 1


def test_scenes_are_photos_not_cartoons():
    for image, label in scenes(5):
        values = image[label == 0].reshape(-1, 3)
        assert len(np.unique(values, axis=0)) > 500  # shaded, grained background


@pytest.mark.parametrize("kind", range(1, 7))
def test_an_object_is_labeled_where_it_is_painted(kind):
    rng = np.random.default_rng(kind)
    image = np.full((100, 140, 3), 0.5, np.float32)
    label = np.zeros((100, 140), np.uint8)
    for _ in range(3):
        demo_scene._place(rng, image, label, kind)
    changed = np.abs(image - 0.5).max(axis=2) > 0.3
    assert set(np.unique(label)) == {0, kind}
    assert (label[changed] == kind).mean() > 0.6


def test_noise_is_smooth_at_the_scale_of_its_cell():
    field = noise(np.random.default_rng(0), 120, 160, cell=40, octaves=1)
    assert field.shape == (120, 160)
    assert 0.2 < field.std() < 1.0
    assert np.abs(np.diff(field, axis=1)).max() < 0.15  # 2 / 40 a pixel, times a little
