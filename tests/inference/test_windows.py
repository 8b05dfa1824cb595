# SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config

from rankseg.inference.windows import Windows


def config(crop=None, **test) -> Config:
    steps = [dict(type="Crop", crop_size=crop)] if crop else []
    return Config(
        dict(
            model=dict(student=dict(test_cfg=test)),
            train_dataloader=dict(dataset=dict(pipeline=steps)),
        )
    )


@pytest.mark.parametrize(
    ("crop", "size"), [(129, 513), (321, 641), (513, 513), (320, 640), (801, 801), (None, 512)]
)
def test_window_is_a_multiple_of_the_crop(crop, size):
    assert Windows.from_config(config(crop)).size == (size, size)
    assert Windows.from_config(config(crop)).overlap == (size // 4, size // 4)


def test_windows_follow_a_config_that_slides():
    slides = config(129, mode="slide", crop_size=(801, 401), stride=(534, 200))
    assert Windows.from_config(slides)[:2] == ((801, 401), (267, 201))
    assert Windows.from_config(slides, overlap=0.5)[:2] == ((801, 401), (400, 200))
    assert Windows.from_config(slides, window=100)[:2] == ((100, 100), (25, 25))


def test_windows_are_for_large_images_unless_a_size_is_given():
    auto, named = Windows.from_config(config(129)), Windows.from_config(config(129), window=100)
    assert not auto.needed_for((2048, 2048), 2) and auto.needed_for((2048, 2049), 2)
    assert auto.needed_for((1000, 1000), 150)  # many classes
    assert named.needed_for((90, 101), 2) and not named.needed_for((100, 100), 2)
    assert not Windows.from_config(config(129), window=0).needed_for((9000, 9000), 2)


@pytest.mark.parametrize("window", [-1, 3, "big", 2.5])
def test_raises_on_window(window):
    with pytest.raises(
        ValueError, match="auto, 0 .no windows. or a side of at least 16 pixels, but got"
    ):
        Windows.from_config(config(), window)


@pytest.mark.parametrize("overlap", [-0.1, 1.0])
def test_raises_on_overlap(overlap):
    with pytest.raises(ValueError, match="a fraction of the window from 0 to 0.9, but got"):
        Windows.from_config(config(), 100, overlap)
