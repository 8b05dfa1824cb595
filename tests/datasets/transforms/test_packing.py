# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from rankseg.datasets.transforms.packing import PackEval, PackViews, views_of


def image(value, height=4, width=6):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[1, 2] = value, (1, 2, 3)
    return pixels


def sample(**extra):
    base = {"img": image(10), "img_path": "a.jpg", "ori_shape": (8, 9), "img_shape": (4, 6)}
    return {**base, **extra}


def test_labeled():
    mask = np.arange(24, dtype=np.uint8).reshape(4, 6)
    packed = PackViews(labeled=True)(sample(seg_map=mask))
    assert list(packed["inputs"]) == list(packed["data_samples"]) == ["labeled"]
    tensor = packed["inputs"]["labeled"]
    assert tensor.dtype == torch.uint8 and tensor.shape == (3, 4, 6)
    assert tensor[:, 1, 2].tolist() == [1, 2, 3] and tensor[0, 0, 0] == 10
    data_sample = packed["data_samples"]["labeled"]
    assert torch.equal(data_sample.gt_sem_seg.data, torch.from_numpy(mask)[None])
    assert data_sample.metainfo == {"img_path": "a.jpg", "ori_shape": (8, 9), "img_shape": (4, 6)}


def test_unlabeled_has_every_view_and_a_label_only_where_the_sample_has_one():
    valid = np.zeros((4, 6), bool)
    valid[:3] = True
    results = sample(valid=valid, strong1=image(1), strong2=image(2))
    packed = PackViews(labeled=False)(results)
    assert {view: int(t[0, 0, 0]) for view, t in packed["inputs"].items()} == {
        "weak": 10,
        "strong1": 1,
        "strong2": 2,
    }
    assert list(packed["data_samples"]) == ["weak"]
    weak = packed["data_samples"]["weak"]
    assert torch.equal(weak.valid.data, torch.from_numpy(valid)[None])
    assert weak.valid.data.dtype == torch.bool and "gt_sem_seg" not in weak
    results["seg_map"] = np.full((4, 6), 2, np.uint8)
    weak = PackViews(labeled=False)(results)["data_samples"]["weak"]
    assert (weak.gt_sem_seg.data == 2).all()


def test_mix_views_come_with_their_own_valid_map():
    ones, zeros = np.ones((4, 6), bool), np.zeros((4, 6), bool)
    results = sample(valid=ones, strong1=image(1), mix_weak=image(20), mix_strong1=image(21))
    packed = PackViews(labeled=False)({**results, "mix_valid": zeros})
    assert {view: int(t[0, 0, 0]) for view, t in packed["inputs"].items()} == {
        "weak": 10,
        "strong1": 1,
        "mix_weak": 20,
        "mix_strong1": 21,
    }
    assert packed["data_samples"]["weak"].valid.data.all()
    assert not packed["data_samples"]["mix_weak"].valid.data.any()


def test_views_of_counts_up_from_one():
    found = views_of(sample(strong2=image(2), strong1=image(1), strong4=image(4)))
    assert list(found) == ["weak", "strong1", "strong2"]


def test_eval_with_and_without_mask():
    mask = np.full((4, 6), 5, np.uint8)
    packed = PackEval()(sample(seg_map=mask))
    assert packed["inputs"].shape == (3, 4, 6)
    assert packed["data_samples"].gt_sem_seg.data.shape == (1, 4, 6)
    assert packed["data_samples"].metainfo["ori_shape"] == (8, 9)
    assert "gt_sem_seg" not in PackEval()(sample())["data_samples"]


def test_missing_parts_say_what_to_do():
    with pytest.raises(ValueError, match="to have a mask or a class, but got none for a.jpg"):
        PackViews(labeled=True)(sample())
    with pytest.raises(ValueError, match="Put RandomResizeCropFlip before it"):
        PackViews(labeled=False)(sample())
