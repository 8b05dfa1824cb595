# SPDX-License-Identifier: Apache-2.0
"""One class for two tasks: a classifier is a segmentor with one pixel."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import rankseg
from rankseg.testing.toy import toy_batch, toy_class_batch, toy_classifier

TASKS = {
    "segmentation": (lambda: None, toy_batch),
    "classification": (toy_classifier, toy_class_batch),
}
OPTIONS = {
    "Supervised": {},
    "FixMatch": dict(threshold=0.5, mix_source=None, strong_weight=0.5),
    "MeanTeacher": dict(teacher=dict(momentum=0.05), consistency_weight=1.0),
    "CPS": dict(cross_weight=0.5),
    "CCT": dict(feature_tap="backbone.layer4", consistency_weight=1.0),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_class_learns_both_tasks(build, name, task):
    student, batch = TASKS[task]
    method = build(name, student=student(), **OPTIONS[name])
    optimizer = torch.optim.Adam((p for p in method.parameters() if p.requires_grad), 3e-3)
    torch.manual_seed(0)
    batches = [batch(6, 4) for _ in range(4)]
    history = []
    for step in range(24):
        losses = method.loss(*batches[step % 4])
        sum(v for k, v in losses.items() if k.startswith("loss")).backward()
        optimizer.step()
        optimizer.zero_grad()
        if method.teacher is not None:
            method.update_teacher()
        history.append(losses["loss_x"].item())
    assert sum(history[-4:]) < 0.75 * sum(history[:4])


def test_fixmatch_of_one_pixel_is_the_paper(build):
    # L = L_x + w L_u, the unsupervised mean over all unlabelled images
    method = build(
        "FixMatch", student=toy_classifier(), threshold=0.4, mix_source=None, halve=False
    )
    inputs, samples = toy_class_batch()
    losses = method.loss(inputs, samples)
    views = ("labeled", "weak", "strong1")  # one pass, so that they share batch statistics
    joint = method(torch.cat([inputs[view] for view in views])).flatten(1).split(4)

    def logits(view):
        return joint[views.index(view)]

    labels = torch.tensor([s.gt_sem_seg.data.item() for s in samples["labeled"]])
    wanted = torch.nn.functional.cross_entropy(logits("labeled"), labels)
    torch.testing.assert_close(losses["loss_x"], wanted, rtol=1e-4, atol=1e-6)
    total = 0.0
    for weak, strong in zip(logits("weak").softmax(1), logits("strong1"), strict=True):
        if weak.max() >= 0.4:
            total = total - strong.log_softmax(0)[weak.argmax()] / 4
    torch.testing.assert_close(losses["loss_s1"], torch.as_tensor(total), rtol=1e-4, atol=1e-6)


def test_images_of_one_class_are_not_cut(build):
    class Data:
        labeled = SimpleNamespace(image_level=True)

    with pytest.raises(ValueError, match="mix_source='batch' pastes .* Set model.mix_source=None"):
        build("FixMatch", student=toy_classifier()).check_dataset(Data())
    build("FixMatch", student=toy_classifier(), mix_source=None).check_dataset(Data())


def test_prediction_is_one_pixel(build):
    method = build("FixMatch", student=toy_classifier(), mix_source=None).eval()
    inputs, samples = toy_class_batch()
    for sample in samples["weak"]:
        sample.set_metainfo({"ori_shape": (1, 1), "img_shape": (33, 33)})
    for result in method.predict(inputs["weak"], samples["weak"]):
        assert result.pred_sem_seg.data.shape == (1, 1, 1)
        assert result.seg_logits.data.shape == (3, 1, 1)


def test_no_method_or_loss_asks_for_the_task():
    folder = Path(rankseg.__file__).parent / "models"
    for path in [*(folder / "methods").glob("*.py"), *(folder / "losses").glob("*.py")]:
        assert not re.search(r"\bif\b.*\b(task|classification|segmentation)\b", path.read_text()), (
            path
        )
