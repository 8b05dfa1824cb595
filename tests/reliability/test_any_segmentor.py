# SPDX-License-Identifier: Apache-2.0
"""Any segmentor of mmseg as a student: one of each family that needs no compiled operators."""

import math

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample

from rankseg import apis
from rankseg.engine.built import build_method
from rankseg.models.segmentors.student import default_tap
from rankseg.testing.families import STUDENTS, family
from rankseg.testing.toy import toy_batch
from rankseg.testing.toy_run import toy_config, write_set
from rankseg.training.network_checks import check_model, check_prediction

PREPROCESSOR = dict(type="ViewPreprocessor", mean=[90.0] * 3, std=[60.0] * 3)
RANKMATCH = dict(type="RankMatch", rank=dict(num_agents=4), threshold=0.0)
TAPS = {
    "mobilenet_v2": "decode_head.bottleneck",
    "deeplabv3plus": "decode_head.bottleneck",
    "segmenter": "backbone",
    "hrnet": "decode_head.conv_seg:input",
    "setr": "decode_head.conv_seg:input",
}


def side_of(student: dict) -> int:
    return 65 if student["decode_head"].get("align_corners") else 64


def method_of(student: dict, **method):
    """A method that has been checked as before training, and its batches."""
    init_default_scope("rankseg")
    model = dict(student=student, data_preprocessor=PREPROCESSOR, **method)
    step = dict(type="RandomResizeCropFlip", crop_size=side_of(student))
    loader = dict(dataset=dict(labeled_pipeline=[step]))
    cfg = Config(dict(model=model, train_dataloader=loader, randomness=dict(seed=0)))
    built = build_method(cfg).method
    check_model(built, cfg)
    check_prediction(built, torch.zeros(3, 72, 80))
    return built


def steps(method, optimizer, side: int, count: int = 2) -> dict[str, float]:
    """Losses of the last of some iterations."""
    torch.manual_seed(count)
    for _ in range(count):
        inputs, samples = toy_batch(2, 2, side)
        losses = method.loss(inputs, samples)
        optimizer.zero_grad()
        sum(value for name, value in losses.items() if name.startswith("loss")).backward()
        optimizer.step()
    return {name: value.item() for name, value in losses.items()}


def all_learn(network) -> bool:
    return all(one.grad is not None for one in network.parameters() if one.requires_grad)


def sgd(method):
    return torch.optim.SGD(method.parameters(), lr=0.01)


@pytest.mark.parametrize("name", STUDENTS)
def test_rankmatch_trains_and_predicts(name):
    student = family(name)
    method = method_of(student, **RANKMATCH)
    assert method.feature_tap == TAPS.get(name, "decode_head.dropout:input")
    method.init_weights()
    losses = steps(method, sgd(method), side_of(student))
    assert all(math.isfinite(value) for value in losses.values())
    assert losses["confident"] == 1 and min(losses["loss_rank1"], losses["loss_fp"]) > 0
    assert all_learn(method.student)
    sample = SegDataSample(metainfo=dict(ori_shape=(72, 80), img_shape=(72, 80)))
    with torch.no_grad():
        (result,) = method.eval()(torch.zeros(1, 3, 72, 80), [sample], mode="predict")
    assert result.pred_sem_seg.data.shape == (1, 72, 80)


METHODS = {
    "UniMatch": dict(threshold=0.0),
    "CPS": dict(cutmix=dict(boxes=1)),
    "MeanTeacher": dict(teacher=dict(momentum=0.1)),
    "CCT": dict(perturbations=[dict(count=1, perturb=dict(type="GuidedCutout"))]),
}


@pytest.mark.parametrize("name", ["segformer", "dpt"])
@pytest.mark.parametrize("kind", METHODS)
def test_other_methods_train(kind, name):
    method = method_of(family(name), type=kind, **METHODS[kind])
    losses = steps(method, sgd(method), 64, count=1)
    assert all(math.isfinite(value) for value in losses.values()) and len(losses) > 1
    assert all_learn(method.student)


def test_decoders_of_cct_double_features_up_to_the_logits():
    method = method_of(family("segformer"), type="CCT", **METHODS["CCT"])
    assert method.auxiliary_decode_heads[0].steps == 0  # the classifier reads what it predicts


@pytest.mark.parametrize("name", ["segformer", "beit"])
def test_a_run_validates_and_goes_on(name, tmp_path):
    content = toy_config("rankmatch", write_set(tmp_path / "images", square=24))
    content["model"] |= dict(student=family(name), threshold=0.0)
    for half in ("labeled", "unlabeled"):
        content["train_dataloader"]["dataset"][f"{half}_pipeline"][1]["crop_size"] = 64
    content["val_dataloader"]["dataset"]["indices"] = 1
    content["train_cfg"] |= dict(max_iters=2, val_interval=2)
    content["_base_"] = [content["_base_"]]
    file = tmp_path / "run.py"
    file.write_text("\n".join(f"{key} = {value!r}" for key, value in content.items()))

    def train(**options):
        cfg = apis.load_config(str(file), work_dir=str(tmp_path / "run"), seed=0)
        cfg.update(options)
        return apis.train(cfg).runner

    runner = train()
    assert 0 <= runner.message_hub.get_scalar("val/mIoU").current() <= 100
    cfg = dict(content["train_cfg"], max_iters=3)
    runner = train(resume=True, load_from=str(tmp_path / "run" / "iter_2.pth"), train_cfg=cfg)
    assert runner.iter == 3
    assert default_tap(runner.model.student) == runner.model.feature_tap
