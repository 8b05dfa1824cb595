# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.evaluation import SegmentationMetric
from rankseg.models.sliding import slide, starts
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


def test_gaps_are_refused():
    with pytest.raises(ValueError, match="stride=.9, 8.*would have no prediction"):
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
    monkeypatch.setattr(both.data_preprocessor, "_normalise", lambda x: (x.double() - 127) / 60)

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
