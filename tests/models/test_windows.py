# SPDX-License-Identifier: Apache-2.0
"""Sliding windows against those of mmseg, and blended windows against a slow loop."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from rankseg.evaluation import SegmentationMetric
from rankseg.models.windows import blend, predict, ramp, slide, starts
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_student


@pytest.mark.parametrize(
    ("length", "window", "stride", "wanted"),
    [
        (10, 10, 4, [0]),
        (8, 10, 4, [0]),
        (11, 10, 4, [0, 1]),
        (18, 10, 4, [0, 4, 8]),
        (19, 10, 4, [0, 4, 8, 9]),
        (12, 4, 4, [0, 4, 8]),
    ],
)
def test_windows_along_a_side(length, window, stride, wanted):
    assert starts(length, window, stride) == wanted


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("size", [(20, 31), (7, 31), (7, 5), (16, 16)])
def test_mean_of_all_windows_that_hold_a_pixel(size, at_once):
    images = torch.randn(2, 3, *size)
    seen = []

    def predict(windows):
        seen.append(len(windows))
        # depends on the place in the window: a prediction in the wrong place shows
        return (windows * torch.arange(windows[0, 0].numel()).view(windows.shape[2:]))[:, :2]

    found = slide(predict, images, (8, 16), (5, 7), at_once)
    height, width = min(8, size[0]), min(16, size[1])
    total, count = torch.zeros(2, 2, *size), torch.zeros(size)
    for y in starts(size[0], height, 5):
        for x in starts(size[1], width, 7):
            part = images[:, :, y : y + height, x : x + width]
            total[:, :, y : y + height, x : x + width] += predict(part)
            count[y : y + height, x : x + width] += 1
    assert count.min() >= 1
    torch.testing.assert_close(found, total / count)
    assert max(seen) <= max(at_once, 2)


@pytest.mark.parametrize(("device", "most"), [("cpu", 1), ("meta", 4)])
def test_an_accelerator_takes_several_windows_at_once(device, most):
    seen = []

    def predict(windows):
        seen.append(len(windows))
        return windows

    slide(predict, torch.zeros(1, 3, 8, 48, device=device), (8, 8), (8, 8))
    assert max(seen) == most and sum(seen) == 6


@pytest.mark.parametrize("before", [True, False])
def test_cudnn_does_not_tune_for_whole_images(monkeypatch, before):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", before)

    class Segmentor:
        test_cfg = dict(mode="whole")

        def predict(self, images, data_samples):
            seen.append(torch.backends.cudnn.benchmark)
            return list(images)

    seen = []
    predict(Segmentor(), torch.zeros(2, 3, 4, 4), None)
    assert seen == [False] and torch.backends.cudnn.benchmark is before


def test_gaps_are_refused():
    with pytest.raises(ValueError, match="stride .*got .9, 8.*without a prediction"):
        slide(lambda x: x, torch.zeros(1, 3, 20, 20), (8, 8), (9, 8))


def test_methods_predict_what_the_segmentor_predicts():
    init_default_scope("rankseg")
    torch.manual_seed(0)
    student = toy_student()
    student.test_cfg = dict(mode="slide", crop_size=(33, 33), stride=(20, 20))
    model = MODELS.build(
        dict(type="Supervised", student=student, teacher=dict(momentum=0.5))
    ).eval()
    for parameter in model.teacher.parameters():
        parameter.mul_(1.5)
    images = torch.randn(2, 3, 60, 49)

    def samples():
        meta = dict(ori_shape=(60, 49), img_shape=(60, 49), pad_shape=(60, 49))
        return [SegDataSample(metainfo=dict(meta, padding_size=[0] * 4)) for _ in images]

    with torch.no_grad():
        found = model.predict(images, samples())
        wanted = model.student.predict(images, samples())
        other = model.teacher.module.predict(images, samples())
    for mine, one, two in zip(found, wanted, other, strict=True):
        torch.testing.assert_close(mine.seg_logits.data, one.seg_logits.data)
        assert torch.equal(mine.pred_sem_seg.data, one.pred_sem_seg.data)
        assert torch.equal(mine.teacher_sem_seg.data, two.pred_sem_seg.data)
    assert not torch.equal(found[0].teacher_sem_seg.data, found[0].pred_sem_seg.data)


@pytest.fixture(scope="module")
def both():
    """A method whose student and teacher differ, in double precision: rounding cannot hide."""
    init_default_scope("rankseg")
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type="Supervised",
            student=toy_student(),
            teacher=dict(momentum=0.5),
            data_preprocessor=dict(type="ViewPreprocessor", mean=[127.0] * 3, std=[60.0] * 3),
        )
    )
    model.init_weights()
    for parameter in model.teacher.parameters():
        parameter.mul_(1.5)
    return model.eval().double()


SIZES = [(40, 56), (48, 33), (40, 56), (33, 33), (60, 41), (40, 56), (48, 33), (25, 70)]


def unequal_batch():
    generator = torch.Generator().manual_seed(1)
    images = [
        torch.randint(256, (3, *size), generator=generator, dtype=torch.uint8) for size in SIZES
    ]
    samples = [
        SegDataSample(metainfo=dict(ori_shape=size, img_shape=size, img_path=str(i)))
        for i, size in enumerate(SIZES)
    ]
    for sample, size in zip(samples, SIZES, strict=True):
        truth = torch.randint(3, (1, *size), generator=generator, dtype=torch.uint8)
        sample.gt_sem_seg = PixelData(data=truth)
    return images, samples


@pytest.fixture
def tested(both, monkeypatch):
    """What the test loop makes of the batch, that many images at a time."""
    monkeypatch.setattr(both.data_preprocessor, "_normalize", lambda x: (x.double() - 127) / 60)

    def run(batch, mode):
        for network in (both.student, both.teacher.module):
            network.test_cfg = ConfigDict(mode=mode, crop_size=(33, 33), stride=(20, 20))
        images, samples = unequal_batch()
        metric = SegmentationMetric()
        metric.dataset_meta = {"classes": ("a", "b", "c")}
        found = []
        for i in range(0, len(images), batch):
            part = slice(i, i + batch)
            with torch.no_grad():
                found += both.test_step({"inputs": images[part], "data_samples": samples[part]})
        metric.process({}, [one.to_dict() for one in found])
        return found, metric.evaluate(len(found))

    return run


@pytest.mark.parametrize("mode", ["whole", "slide"])
def test_predictions_do_not_depend_on_the_batch_size(tested, both, mode):
    alone, numbers = tested(1, mode)
    for batch in (3, 8):
        together, same_numbers = tested(batch, mode)
        assert same_numbers == numbers and "teacher/mIoU" in numbers
        assert [one.img_path for one in together] == [str(i) for i in range(len(SIZES))]
        for one, two, size in zip(alone, together, SIZES, strict=True):
            assert two.seg_logits.shape == size
            torch.testing.assert_close(one.seg_logits.data, two.seg_logits.data)
            assert torch.equal(one.pred_sem_seg.data, two.pred_sem_seg.data)
            assert torch.equal(one.teacher_sem_seg.data, two.teacher_sem_seg.data)


def test_images_of_one_size_share_a_forward_pass(both, tested, monkeypatch):
    seen = []
    extract = both.student.extract_feat
    monkeypatch.setattr(
        both.student, "extract_feat", lambda x: seen.append(tuple(x.shape)) or extract(x)
    )
    tested(8, "whole")
    assert sorted(seen) == [(1, 3, 25, 70), (1, 3, 33, 33), (1, 3, 60, 41), (2, 3, 48, 33),
                            (3, 3, 40, 56)]  # fmt: skip


def whole(predict, image, window, overlap, at_once=3):
    """All rows of :func:`blend`, which must follow each other without a gap."""
    rows, next_row = [], 0
    for y, logits in blend(predict, image, window, overlap, at_once):
        assert y == next_row
        next_row += logits.shape[1]
        rows.append(logits.clone())
    assert next_row == image.shape[1]
    return torch.cat(rows, 1)


@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_weights_rise_in_a_line_and_are_never_zero(overlap):
    weights = ramp(9, overlap)
    assert torch.equal(weights, weights.flip(0)) and weights.max() == 1
    for i in range(overlap):
        assert weights[i] == pytest.approx((i + 1) / (overlap + 1))
    assert (weights[overlap : 9 - overlap] == 1).all()


BLENDED = [(40, 31), (17, 50), (16, 16), (7, 5), (33, 12)]


@pytest.mark.parametrize("size", BLENDED)
def test_equal_logits_stay_what_they_are_to_the_last_bit(size):
    wanted = torch.tensor([0.1, -1 / 3, 7.7])

    def constant(windows):
        return wanted[None, :, None, None].expand(len(windows), 3, *windows.shape[2:])

    found = whole(constant, torch.zeros(3, *size), (16, 12), (5, 5))
    assert torch.equal(found, wanted[:, None, None].expand(3, *size))


@pytest.mark.parametrize("size", BLENDED)
def test_a_network_that_looks_at_one_pixel_needs_no_windows(size):
    torch.manual_seed(0)
    network, image = nn.Conv2d(3, 4, 1).requires_grad_(False), torch.randn(3, *size)
    found = whole(network, image, (16, 12), (5, 5))
    torch.testing.assert_close(found, network(image[None])[0])


@pytest.mark.parametrize("size", BLENDED)
def test_the_weighted_mean_of_all_windows_that_hold_a_pixel(size):
    torch.manual_seed(0)
    height, width = min(16, size[0]), min(12, size[1])
    answers = {}

    def predict(windows):
        # another answer in every window, which its place in the image tells
        for one in windows:
            answers.setdefault(tuple(one[:2, 0, 0].long().tolist()), torch.randn(2, height, width))
        return torch.stack([answers[tuple(one[:2, 0, 0].long().tolist())] for one in windows])

    grid = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    found = whole(predict, torch.stack([*grid, grid[0]]).float(), (16, 12), (5, 4))
    total, mean = torch.zeros(size), torch.zeros(2, *size)
    weight = ramp(height, 5)[:, None] * ramp(width, 4)
    for y in starts(size[0], height, 11):
        for x in starts(size[1], width, 8):
            place = ..., slice(y, y + height), slice(x, x + width)
            mean[place] += answers.pop((y, x)) * weight
            total[place] += weight
    assert not answers
    torch.testing.assert_close(found, mean / total)


def test_no_pixel_leaves_the_range_of_its_windows():
    torch.manual_seed(0)
    seen = []

    def predict(windows):
        seen.append(torch.rand(len(windows), 2, *windows.shape[2:]) * 4 + 1)
        return seen[-1]

    found = whole(predict, torch.zeros(3, 64, 70), (16, 16), (12, 12))
    assert found.min() >= 1 and found.max() <= 5
    spread = torch.cat([one.flatten() for one in seen]).std()
    assert found[:, 20:40, 20:40].std() < spread / 2  # an average of several


def test_without_overlap_it_is_the_plain_sliding_window():
    torch.manual_seed(0)
    network, image = nn.Conv2d(3, 2, 3, padding=1).requires_grad_(False), torch.randn(3, 32, 48)
    wanted = slide(network, image[None], (16, 16), (16, 16))[0]
    torch.testing.assert_close(whole(network, image, (16, 16), (0, 0)), wanted)


def test_bands_are_all_that_is_held():
    held = {
        logits.untyped_storage().nbytes()
        for _, logits in blend(
            lambda windows: windows[:, :2], torch.zeros(3, 400, 50), (16, 16), (4, 4)
        )
    }
    assert held == {2 * 16 * 50 * 4}


def test_windows_that_do_not_go_on():
    with pytest.raises(ValueError, match="overlap .*got .16, 4"):
        next(blend(lambda windows: windows, torch.zeros(3, 40, 40), (16, 16), (16, 4)))
