# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.datasets.transforms.packing import PackViews
from rankseg.datasets.transforms.with_mix import WithMix

INNER = [
    {"type": "RandomResizeCropFlip", "crop_size": 33},
    {"type": "StrongViews", "num": 2},
]


def run(seed=(0, 0, 0), size=(20, 50)):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    results = {"img": image, "seed": seed, "img_path": "a.jpg", "ori_shape": size}
    return WithMix(INNER)(results), image


def test_first_draw_is_what_the_transforms_alone_give():
    both, image = run()
    alone = {"img": image, "seed": (0, 0, 0)}
    for one in WithMix(INNER).transforms:
        alone = one(alone)
    for view in ("img", "strong1", "strong2", "valid"):
        assert np.array_equal(both[view], alone[view])
    assert both["seed"] == (0, 0, 0)


def test_second_draw_is_another_crop_with_all_its_views():
    both, _ = run()
    assert {"mix_weak", "mix_strong1", "mix_strong2", "mix_valid"} <= set(both)
    assert not np.array_equal(both["mix_weak"], both["img"])
    same_padding = [
        np.array_equal(run((0, 0, s))[0]["valid"], run((0, 0, s))[0]["mix_valid"]) for s in range(8)
    ]
    assert not all(same_padding)
    for seed in range(8):
        one, _ = run((0, 0, seed))
        assert not one["mix_weak"][~one["mix_valid"]].any(), "the valid map belongs to its crop"
    packed = PackViews(labeled=False)(both)
    assert len(packed["inputs"]) == 6 and list(packed["data_samples"]) == ["weak", "mix_weak"]


def test_repeats_by_seed():
    first, again, other = run()[0], run()[0], run((0, 1, 0))[0]
    assert np.array_equal(first["mix_strong2"], again["mix_strong2"])
    assert not np.array_equal(first["mix_strong2"], other["mix_strong2"])


def test_empty_list():
    with pytest.raises(ValueError, match="got an empty list"):
        WithMix([])
