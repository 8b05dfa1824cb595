# SPDX-License-Identifier: Apache-2.0
import pickle

import mmengine.evaluator.metric
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

from rankseg.evaluation import SegmentationMetric
from rankseg.evaluation.segmentation import count_pixels

CLASSES = ("sky", "road", "cat", "never")


@pytest.fixture
def metric():
    metric = SegmentationMetric(per_class=True)
    metric.dataset_meta = {"classes": CLASSES}
    return metric


def sample(truth, **predictions):
    maps = {"gt_sem_seg": truth, **{f"{k}_sem_seg": v for k, v in predictions.items()}}
    return {key: {"data": torch.tensor(value)[None]} for key, value in maps.items()}


def test_pixels_are_counted_on_an_accelerator_without_waiting():
    maps = torch.zeros(4, 5, dtype=torch.long, device="meta")  # has no values to read
    assert count_pixels(maps, maps, 3, 255).shape == (4, 3)


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


def test_foreground_is_all_but_the_first_class():
    metric = SegmentationMetric(foreground=True)
    metric.dataset_meta = {"classes": ("background", "cell", "dust")}
    truth, pred = [[0, 0, 1, 1, 2, 255]], [[0, 1, 1, 1, 0, 2]]
    metric.process({}, [sample(truth, pred=pred, teacher=[[0, 0, 1, 1, 2, 0]])])
    found = metric.evaluate(1)
    assert found["fgIoU"] == pytest.approx((200 / 3 + 0) / 2, abs=0.01)
    assert found["fgDice"] == pytest.approx((80 + 0) / 2, abs=0.01)
    assert found["mIoU"] == pytest.approx((100 / 3 + 200 / 3 + 0) / 3, abs=0.01)
    assert found["teacher/fgIoU"] == 100


def test_what_is_collected_are_numbers(metric, monkeypatch):
    # tensors of several GPUs would be sent with the memory around them and their devices
    sent = []
    monkeypatch.setattr(
        mmengine.evaluator.metric,
        "collect_results",
        lambda results, *args: sent.append(pickle.dumps(results)) or results,
    )
    for _ in range(100):
        metric.process({}, [sample([[0, 1]], pred=[[0, 1]], teacher=[[0, 0]])])
    metric.evaluate(100)
    assert b"torch" not in sent[0] and len(sent[0]) < 100 * 500
    assert not any(isinstance(one, torch.Tensor) for one in pickle.loads(sent[0])[0].values())


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


@pytest.fixture
def said(monkeypatch):
    texts = []
    for module in ("segmentation", "notes"):
        monkeypatch.setattr(
            f"rankseg.evaluation.{module}.print_log", lambda text, *args: texts.append(text)
        )
    return texts


def test_what_does_not_exist_is_a_dash(metric, said, recwarn):
    for _ in range(2):
        metric.process({}, [sample([[0, 0, 0], [1, 1, 255]], pred=[[0, 0, 1], [1, 2, 0]])])
        metric.evaluate(1)
    rows = {line.split()[1]: line.split()[3::2] for line in said[0].splitlines()[4:-1]}
    assert said[0].startswith("per class results:") and "IoU" in said[0].splitlines()[2]
    assert rows["sky"] == ["66.67", "66.67", "80.00"]  # IoU, accuracy, Dice
    assert rows["cat"] == ["0.00", "-", "0.00"]
    assert rows["never"] == ["-", "-", "-"]
    absent = [text for text in said if "is of class cat, never: shown as '-'" in text]
    assert len(absent) == 1 and not recwarn.list


def test_no_valid_pixel_at_all(metric, said, recwarn):
    metric.process({}, [sample([[255, 255]], pred=[[0, 1]])])
    found = metric.evaluate(1)
    assert found.keys() == {"aAcc", "mIoU", "mAcc", "mDice"}
    assert all(value != value for value in found.values())
    assert any("No pixel of the validation set has a label" in text for text in said)
    assert not recwarn.list


def test_predictions_of_one_class(metric, said):
    metric.process({}, [sample([[0, 1, 2]], pred=[[1, 1, 1]])])
    found = metric.evaluate(1)
    assert found["mIoU"] == pytest.approx(100 / 9, abs=0.01)
    assert found["IoU/sky"] == found["IoU/cat"] == 0
    assert any(text.startswith("Every pixel is predicted to be of class road") for text in said)


def test_no_image(metric):
    with pytest.raises(ValueError, match="the validation set to have images, but got none. Check"):
        metric.compute_metrics([])


def test_many_pixels_are_counted_exactly(metric):
    # float32 cannot count past 2^24 one by one
    def image(*counts):
        return {"counts": {"pred": torch.tensor(counts)}, "largest": 0, "lost": 0, "path": ""}

    big = image(*[[2**24, 0, 0, 0]] * 4)
    wrong = image([0] * 4, [0, 1, 0, 0], [0] * 4, [1, 0, 0, 0])
    found = metric.compute_metrics([big] + [wrong] * 20000)
    assert found["aAcc"] == pytest.approx(100 * 2**24 / (2**24 + 20000), abs=0.006)


def test_without_classes():
    metric = SegmentationMetric()
    metric.dataset_meta = {"classes": CLASSES}
    metric.process({}, [sample([[0, 1]], pred=[[0, 1]])])
    assert set(metric.evaluate(1)) == {"aAcc", "mIoU", "mAcc", "mDice"}


def test_truth_that_is_no_class_names_the_image(metric):
    bad = sample([[0, 4, 255]], pred=[[0, 1, 1]])
    match = (
        r"mask of image val/7\.jpg to hold the 4 classes 0 to 3 \(sky, road, cat, never\) and 255 "
        r"for ignore, but got \[4\]"
    )
    packed = SegDataSample(metainfo={"img_path": "val/7.jpg"})
    packed.set_data({key: PixelData(**value) for key, value in bad.items()})
    metric.process({}, [packed.to_dict()])
    with pytest.raises(ValueError, match=match):
        metric.evaluate(1)
    metric.results.clear()
    metric.process({}, [sample([[255, 255]], pred=[[0, 1]])])


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64])
def test_counts_are_those_of_mmseg(kind):
    torch.manual_seed(0)
    prediction, truth = torch.randint(0, 5, (2, 30, 40))
    truth[:4] = 255
    prediction[prediction == 3] = 2
    wanted = IoUMetric.intersect_and_union(prediction, truth, 5, 255)
    found = count_pixels(prediction, truth.to(kind), 5, 255)
    assert torch.equal(found.float(), torch.stack(wanted))
    assert found[2, 3] == 0 and (found[0] <= found[1]).all()


def test_logits_that_are_not_finite_are_said(metric, said):
    for value in (0.0, torch.nan, torch.inf):
        one = sample([[0, 1]], pred=[[0, 1]])
        logits = torch.zeros(4, 1, 2)
        logits[2, 0, 1] = value
        logits[3] = -torch.inf
        metric.process({}, [{**one, "seg_logits": {"data": logits}, "img_path": f"{value}.png"}])
    metric.evaluate(3)
    (text,) = [text for text in said if "NaN or infinity" in text]
    assert "for 2 pixels in 2 of 3 images (the first: nan.png)" in text


@pytest.mark.parametrize("ignored", [0, 2, 3, -100, 254])
def test_the_label_to_ignore_may_be_any_number(ignored):
    # right and wrong of what is left, counted one pixel at a time
    truth = [[0, 1, 2, 3], [ignored, 1, 2, 0], [1, ignored, 3, 2]]
    pred = [[0, 1, 2, 0], [1, 2, 2, 0], [1, 3, 3, 0]]
    pairs = [
        (t, p)
        for rows in zip(truth, pred, strict=True)
        for t, p in zip(*rows, strict=True)
        if t != ignored
    ]
    metric = SegmentationMetric(per_class=True, ignore_index=ignored)
    metric.dataset_meta = {"classes": CLASSES}
    metric.process({}, [sample(truth, pred=pred)])
    found = metric.evaluate(1)
    right = sum(t == p for t, p in pairs)
    assert found["aAcc"] == pytest.approx(100 * right / len(pairs), abs=0.01)
    for k, name in enumerate(CLASSES):
        both = sum(t == p == k for t, p in pairs)
        either = sum(k in pair for pair in pairs)
        assert found.get(f"IoU/{name}") == (
            pytest.approx(100 * both / either, abs=0.01) if either else None
        )
