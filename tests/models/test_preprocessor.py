# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.models.preprocessor import ViewPreprocessor

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def make(**kwargs):
    return ViewPreprocessor(mean=MEAN, std=STD, **kwargs)


def image(*size):
    return torch.randint(0, 256, (3, *size), dtype=torch.uint8)


def normal(images):
    mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (MEAN, STD))
    return ((images.double() - mean) / std).float()


def labeled(height, width):
    label = torch.randint(0, 21, (1, height, width), dtype=torch.uint8)
    sample = SegDataSample(metainfo={"ori_shape": (height, width), "img_shape": (height, width)})
    sample.gt_sem_seg = PixelData(data=label)
    return sample


@pytest.mark.parametrize("channels_last", [False, True])
def test_views_stay_views(channels_last):
    views = {"labeled": torch.stack([image(5, 7), image(5, 7)]), "weak": image(6, 6)[None]}
    views["strong1"] = torch.randint(0, 256, (1, 6, 6, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    valid = SegDataSample()
    valid.set_data({"valid": PixelData(data=torch.ones(1, 6, 6, dtype=torch.bool))})
    samples = {"labeled": [labeled(5, 7), labeled(5, 7)], "weak": [valid]}
    before = {view: tensor.clone() for view, tensor in views.items()}
    labels = [s.gt_sem_seg.data.clone() for s in samples["labeled"]]
    out = make(channels_last=channels_last)({"inputs": views, "data_samples": samples}, True)
    assert list(out["inputs"]) == ["labeled", "weak", "strong1"]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for view, tensor in out["inputs"].items():
        assert tensor.dtype == torch.float32 and tensor.is_contiguous(memory_format=layout)
        assert torch.allclose(tensor, normal(before[view]), atol=1e-5)
        assert torch.equal(views[view], before[view]), "the batch itself is left as it is"
    for sample, label in zip(out["data_samples"]["labeled"], labels, strict=True):
        assert sample.gt_sem_seg.data.dtype == torch.int64
        assert torch.equal(sample.gt_sem_seg.data, label.long())
    assert out["data_samples"]["weak"][0].valid.data.dtype == torch.bool


def test_float_input_is_not_overwritten():
    given = torch.full((1, 3, 2, 2), 50.0)
    make()({"inputs": {"weak": given}})
    assert (given == 50).all()


def test_eval_keeps_images_of_different_sizes_apart():
    images = [image(5, 9), image(7, 4)]
    samples = [labeled(5, 9), labeled(7, 4)]
    out = make()({"inputs": list(images), "data_samples": samples})
    for found, given in zip(out["inputs"], images, strict=True):
        assert found.shape == given.shape and torch.allclose(found, normal(given), atol=1e-5)
    first, second = (sample.metainfo for sample in out["data_samples"])
    assert first["pad_shape"] == (5, 9) and second["pad_shape"] == (7, 4)
    assert first["img_shape"] == (5, 9) and second["ori_shape"] == (7, 4)
    assert out["data_samples"][0].gt_sem_seg.shape == (5, 9), "the truth is not padded"
    assert out["data_samples"][0].gt_sem_seg.data.dtype == torch.int64


def test_eval_of_a_stack_and_without_samples():
    images = torch.stack([image(4, 4), image(4, 4)])
    out = make()({"inputs": images})
    assert torch.allclose(out["inputs"], normal(images), atol=1e-5)
    assert out["data_samples"] is None


def test_training_on_a_plain_list_pads_the_labels_too():
    out = make()(
        {"inputs": [image(5, 9), image(7, 4)], "data_samples": [labeled(5, 9), labeled(7, 4)]},
        training=True,
    )
    first = out["data_samples"][0].gt_sem_seg.data
    assert out["inputs"].shape == (2, 3, 7, 9) and first.shape == (1, 7, 9)
    assert (first[:, 5:] == 255).all() and first.dtype == torch.int64


def test_views_as_lists_are_stacked():
    images = [image(4, 4), image(4, 4)]
    out = make()({"inputs": {"weak": images}, "data_samples": {}})
    assert torch.allclose(out["inputs"]["weak"], normal(torch.stack(images)), atol=1e-5)


def test_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\), but got \(1, 4, 5, 5\)"):
        make()({"inputs": {"weak": torch.zeros(1, 4, 5, 5)}})


def test_registered():
    from rankseg.registry import MODELS

    assert MODELS.module_dict["ViewPreprocessor"] is ViewPreprocessor
