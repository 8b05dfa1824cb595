# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample

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
