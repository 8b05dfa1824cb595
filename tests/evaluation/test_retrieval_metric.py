# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.evaluation import RetrievalMetric

CLASSES = ("cat", "dog", "emu")
WAYS = {"up": [0.0, 1.0], "right": [1.0, 0.1], "down": [0.1, -1.0], "left": [-1.0, 0.0]}


def sample(label: int | None, way: str, role: str | None = None, **others: str) -> SegDataSample:
    """An image; the embedding is one of four, its length differs from that of others."""
    packed = SegDataSample(metainfo={"img_path": "test/7.png"} | ({"role": role} if role else {}))
    maps = {"seg_logits": way} | {f"{name}_seg_logits": where for name, where in others.items()}
    for key, where in maps.items():
        packed.set_data({key: PixelData(data=torch.tensor(WAYS[where])[:, None, None])})
    if label is not None:
        packed.set_data({"gt_sem_seg": PixelData(data=torch.tensor([[[label]]]))})
    return packed


def evaluate(metric: RetrievalMetric, samples: list, batch: int = 2) -> dict:
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {"classes": CLASSES}
    for i in range(0, len(samples), batch):
        evaluator.process(samples[i : i + batch])
    return evaluator.evaluate(len(samples))


def test_by_hand():
    # dog up finds dog up; cat right and cat left find each other last
    found = evaluate(
        RetrievalMetric(topk=(3, 2), per_class=True),
        [sample(0, "right"), sample(1, "up"), sample(1, "up"), sample(0, "left")],
    )
    assert found == {
        "recall1": 50.0,
        "recall2": 50.0,
        "recall3": 100.0,
        "r_precision": 50.0,
        "map_r": 50.0,
        "recall1/cat": 0.0,
        "recall1/dog": 100.0,
    }


def test_queries_and_gallery_apart():
    samples = [
        sample(0, "up", "query"),
        sample(1, "down", "query"),
        sample(0, "up", "query"),  # finds the first query, which is no part of the gallery
        sample(0, "left", "gallery"),
        sample(1, "down", "gallery"),
        sample(1, "right", "gallery"),
    ]
    found = evaluate(RetrievalMetric(topk=(2,)), samples, batch=4)
    assert found["recall1"] == 83.33  # all but dog right, which cats up are nearest to
    # cats up: dog right, at 0.1, is nearer than cat left, at 0; dog down finds dog down
    assert found["split/recall1"] == 33.33 and found["split/recall2"] == 100
    assert not any(key.startswith("split/") for key in evaluate(RetrievalMetric(), samples[:3]))


def test_the_other_network():
    samples = [
        sample(0, "up", teacher="left"),
        sample(0, "up", teacher="right"),
        sample(1, "down", teacher="right"),
        sample(1, "down", teacher="left"),
    ]
    found = evaluate(RetrievalMetric(), samples)
    assert found["recall1"] == 100 and found["teacher/recall1"] == 0
    assert "student/recall1" not in found


def test_clusters_and_classes():
    samples = [sample(0, "up"), sample(0, "up"), sample(1, "down"), sample(1, "down")]
    assert "nmi" not in evaluate(RetrievalMetric(), samples)
    assert evaluate(RetrievalMetric(nmi=True), samples)["nmi"] == 100


def looked_at(capsys, *label: int, is_part: bool = False) -> str:
    """What is said of a data set before it is used."""
    dataset = SimpleNamespace(
        class_ids=lambda: np.array(label),
        metainfo={"classes": CLASSES},
        source="test",
        is_part=is_part,
    )
    RetrievalMetric().check_dataset(dataset)
    return capsys.readouterr().out


def test_a_data_set_is_judged_before_it_is_used(capsys):
    with pytest.raises(ValueError, match="two or more validation images per class"):
        looked_at(capsys, 2, 0, -1, -1, 1)
    assert "all 3 images of test are of one class (dog), so" in looked_at(capsys, 1, 1, 1)
    assert looked_at(capsys, 1, 1, 0) == ""
    assert looked_at(capsys, 1, 1, is_part=True) == "", "the first ones of a larger set"


def test_images_alone_in_their_class_are_found_but_do_not_ask(monkeypatch):
    said = []
    monkeypatch.setattr(
        "rankseg.evaluation.retrieval_metric.print_log", lambda text, logger: said.append(text)
    )
    samples = [sample(0, "up"), sample(0, "up"), sample(1, "down")]
    metric = RetrievalMetric()
    assert [evaluate(metric, samples)["recall1"] for _ in range(2)] == [100, 100]
    assert said == [
        "1 of 3 images are the only one of their class (dog): they are not used as queries"
    ]
    with pytest.raises(ValueError, match="two or more validation images per class"):
        evaluate(RetrievalMetric(), samples[1:])


def test_refused():
    with pytest.raises(
        ValueError, match=r"topk of RetrievalMetric to be 1 or more, but got \(0, 1\)"
    ):
        RetrievalMetric(topk=(0, 1))
    with pytest.raises(ValueError, match=r"test/7\.png has no class"):
        evaluate(RetrievalMetric(), [sample(None, "up")])
    with pytest.raises(ValueError, match="to have images, but got none"):
        RetrievalMetric().compute_metrics([])
    wide = sample(0, "up")
    wide.set_data({"seg_logits": PixelData(data=torch.zeros(2, 3, 3))})
    with pytest.raises(ValueError, match=r"but got the shape \(2, 3, 3\)"):
        evaluate(RetrievalMetric(), [wide])
    apart = [sample(0, "up", "query"), sample(0, "up", "query"), sample(1, "up", "gallery")]
    with pytest.raises(ValueError, match="a query with an image of its class in the gallery"):
        evaluate(RetrievalMetric(), apart)
