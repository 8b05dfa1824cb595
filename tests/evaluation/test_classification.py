# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.evaluation import ClassificationMetric

CLASSES = ("cat", "dog", "emu", "fox", "gnu", "hen", "never")


def make(**kwargs) -> ClassificationMetric:
    metric = ClassificationMetric(**kwargs)
    metric.dataset_meta = {"classes": CLASSES}
    return metric


def sample(truth: int | None, logits: list[float], **others: int) -> SegDataSample:
    logits = torch.tensor(logits)[:, None, None]
    maps = {"seg_logits": logits, "pred_sem_seg": logits.argmax(0, keepdim=True)}
    if truth is not None:
        maps["gt_sem_seg"] = torch.tensor([[[truth]]])
    maps |= {f"{name}_sem_seg": torch.tensor([[[value]]]) for name, value in others.items()}
    packed = SegDataSample(metainfo={"img_path": "val/7.png"})
    packed.set_data({key: PixelData(data=value) for key, value in maps.items()})
    return packed


def evaluate(metric: ClassificationMetric, samples: list, batch: int = 2) -> dict:
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = metric.dataset_meta
    for i in range(0, len(samples), batch):
        evaluator.process(samples[i : i + batch])
    return evaluator.evaluate(len(samples))


def test_by_hand(monkeypatch):
    said = []
    monkeypatch.setattr(
        "rankseg.evaluation.classification.print_log", lambda text, logger: said.append(text)
    )
    down = [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    metric = make(topk=(1, 3, 5, 7), per_class=True)
    found = evaluate(metric, [sample(0, down), sample(0, down), sample(2, down), sample(5, down)])
    assert found == {
        "top1": 50.0,
        "mean_class": 33.33,  # cat 100, emu 0, hen 0
        "top3": 75.0,
        "top5": 75.0,
        "top1/cat": 100.0,
        "top1/emu": 0.0,
        "top1/hen": 0.0,
    }
    assert metric.confusion[:, 0].tolist() == [2, 0, 1, 0, 0, 1, 0]
    assert len(said) == 1 and "0 cat" in said[0]


def test_classes_that_are_missing(monkeypatch):
    said = []
    monkeypatch.setattr("rankseg.evaluation.notes.print_log", lambda text, *args: said.append(text))
    metric = make()
    for _ in range(2):
        down = [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
        evaluate(metric, [sample(0, down), sample(2, down)])
    assert [text.split(":")[0].split(". ")[0] for text in said] == [
        "No image of the validation set is of class dog, fox, gnu, hen, never",
        *["Every image is predicted to be of class cat"] * 2,
    ]


def test_no_image():
    with pytest.raises(ValueError, match="the validation set to have images, but got none"):
        make().compute_metrics([])


def test_against_counting_one_by_one():
    rng = np.random.default_rng(0)
    samples, rows = [], []
    for _ in range(50):
        truth, logits = int(rng.integers(6)), rng.normal(size=7).round(1)
        logits[truth] += 1
        samples.append(sample(truth, logits.tolist()))
        rows.append((truth, sorted(range(7), key=lambda k: (-logits[k], k))))
    found = evaluate(make(), samples, batch=7)
    assert found["top1"] == pytest.approx(100 * np.mean([t == o[0] for t, o in rows]), abs=0.01)
    assert found["top5"] == pytest.approx(100 * np.mean([t in o[:5] for t, o in rows]), abs=0.01)
    each = [np.mean([t == o[0] for t, o in rows if t == k]) for k in range(6)]
    assert found["mean_class"] == pytest.approx(100 * np.mean(each), abs=0.01)


def test_both_networks():
    found = evaluate(make(), [sample(1, [0.0] * 6 + [1.0], teacher=k) for k in (1, 1, 1, 0)])
    assert found["top1"] == 0 and found["teacher/top1"] == found["teacher/mean_class"] == 75
    assert "teacher/top5" not in found


def test_few_classes_have_no_top5():
    metric = make()
    metric.dataset_meta = {"classes": CLASSES[:5]}
    assert set(evaluate(metric, [sample(1, [0.0, 1, 2, 3, 4])])) == {"top1", "mean_class"}


def test_logits_that_are_no_numbers_are_not_right():
    nothing = [float("nan")] * 7
    found = evaluate(make(), [sample(k, nothing) for k in range(1, 7)])
    assert found["top1"] == 0


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (None, "every image of a validation .* but image val/7.png has no class"),
        (7, r"class of image val/7\.png to be 0 to 6 \(cat, dog.*got 7"),
        (-100, "but got -100"),
    ],
)
def test_classes_that_are_not_known(truth, message):
    with pytest.raises(ValueError, match=message):
        evaluate(make(), [sample(truth, [0.0] * 7)])


def test_logits_that_are_not_finite_are_said(monkeypatch):
    said = []
    monkeypatch.setattr("rankseg.evaluation.notes.print_log", lambda text, *a: said.append(text))
    metric = make()
    evaluate(metric, [sample(0, [0.0] * 7), sample(1, [torch.nan, torch.inf, *[0.0] * 5])])
    (text,) = [text for text in said if "NaN or infinity" in text]
    assert "for 2 classes in 1 of 2 images (the first: val/7.png)" in text
