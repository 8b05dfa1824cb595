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
def test_windows_hold_whole_crops(crop, size):
    assert Windows.of(config(crop)).size == (size, size)
    assert Windows.of(config(crop)).overlap == (size // 4, size // 4)


def test_windows_of_a_config_that_slides():
    slides = config(129, mode="slide", crop_size=(801, 401), stride=(534, 200))
    assert Windows.of(slides)[:2] == ((801, 401), (267, 201))
    assert Windows.of(slides, overlap=0.5)[:2] == ((801, 401), (400, 200))
    assert Windows.of(slides, window=100)[:2] == ((100, 100), (25, 25))


def test_large_images_alone_unless_a_window_is_named():
    auto, named = Windows.of(config(129)), Windows.of(config(129), window=100)
    assert not auto.suit((2048, 2048), 2) and auto.suit((2048, 2049), 2)
    assert auto.suit((1000, 1000), 150)  # many classes
    assert named.suit((90, 101), 2) and not named.suit((100, 100), 2)
    assert not Windows.of(config(129), window=0).suit((9000, 9000), 2)


@pytest.mark.parametrize("window", [-1, 3, "big", 2.5])
def test_no_window(window):
    with pytest.raises(ValueError, match="expected auto, 0 for none, or a side of at least 16"):
        Windows.of(config(), window)


@pytest.mark.parametrize("overlap", [-0.1, 1.0])
def test_no_overlap(overlap):
    with pytest.raises(ValueError, match="expected a share of the window from 0 to 0.9"):
        Windows.of(config(), 100, overlap)
