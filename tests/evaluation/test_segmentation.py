# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.evaluation import SegmentationMetric

CLASSES = ("sky", "road", "cat", "never")


@pytest.fixture
def metric():
    metric = SegmentationMetric(per_class=True)
    metric.dataset_meta = {"classes": CLASSES}
    return metric


def sample(truth, **predictions):
    maps = {"gt_sem_seg": truth, **{f"{k}_sem_seg": v for k, v in predictions.items()}}
    return {key: {"data": torch.tensor(value)[None]} for key, value in maps.items()}


def test_against_counting_by_hand(metric):
    # class 0: 2 of 3 in the union; class 1: 1 of 3; class 2: predicted once, never true
    metric.process({}, [sample([[0, 0, 0], [1, 1, 255]], pred=[[0, 0, 1], [1, 2, 0]])])
    found = metric.evaluate(1)
    assert found["IoU/sky"] == pytest.approx(100 * 2 / 3, abs=0.01)
    assert found["IoU/road"] == pytest.approx(100 * 1 / 3, abs=0.01)
    assert found["IoU/cat"] == 0
    assert "IoU/never" not in found
    assert found["mIoU"] == pytest.approx((66.67 + 33.33 + 0) / 3, abs=0.01)
    assert found["Dice/sky"] == pytest.approx(100 * 4 / 5, abs=0.01)
    assert found["aAcc"] == pytest.approx(100 * 3 / 5, abs=0.01)


def test_images_are_counted_together_not_one_by_one(metric):
    metric.process({}, [sample([[0, 0, 0, 0]], pred=[[0, 0, 0, 0]])])
    metric.process({}, [sample([[0, 1]], pred=[[1, 1]])])
    assert metric.evaluate(2)["IoU/sky"] == pytest.approx(80, abs=0.01)


def test_both_networks(metric):
    metric.process({}, [sample([[0, 1]], pred=[[0, 1]], teacher=[[0, 0]])])
    found = metric.evaluate(1)
    assert found["mIoU"] == 100
    assert found["teacher/mIoU"] == pytest.approx(25, abs=0.01)
    assert "teacher/IoU/sky" not in found


def test_without_classes():
    metric = SegmentationMetric()
    metric.dataset_meta = {"classes": CLASSES}
    metric.process({}, [sample([[0, 1]], pred=[[0, 1]])])
    assert set(metric.evaluate(1)) == {"aAcc", "mIoU", "mAcc", "mDice"}


def test_truth_that_is_no_class_names_the_image(metric):
    bad = sample([[0, 4, 255]], pred=[[0, 1, 1]])
    match = (
        r"mask of image val/7\.jpg holds \[4\], which is no class and not 255 \(ignore\): the 4 "
        r"classes known are 0 to 3 \(sky, road, cat, never\)"
    )
    packed = SegDataSample(metainfo={"img_path": "val/7.jpg"})
    packed.set_data({key: PixelData(**value) for key, value in bad.items()})
    with pytest.raises(ValueError, match=match):
        metric.process({}, [packed.to_dict()])
    metric.process({}, [sample([[255, 255]], pred=[[0, 1]])])
