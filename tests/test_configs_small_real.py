# SPDX-License-Identifier: Apache-2.0
"""Configs of the small real sets follow the recipe of docs/unlabeled.md."""

import pytest

from rankseg.testing.config_files import FOLDER, for_each, load, resolved

CLASSES = {"kvasir_16": 2, "nuclei_8": 2, "peanut_8": 3, "em_mito_2_lite0": 2}
CLASSES |= {"camvid_1_16_lite0": 11}
NAMES = sorted(
    path.relative_to(FOLDER).as_posix().removesuffix(".py")
    for data in CLASSES
    for path in FOLDER.glob(f"[!_]*/{data}*.py")
)


def data_of(name: str) -> str:
    return name.split("/")[1].removesuffix("_linear").removesuffix("_lora")


def test_every_method_has_every_set():
    assert len(NAMES) == 11 * len(CLASSES)  # nine methods, a linear probe, and adapters


@for_each(NAMES)
def test_small_real_set(name):
    cfg, data = resolved(name), data_of(name)
    assert cfg.default_hooks.checkpoint.save_best == (
        "mIoU" if data == "camvid_1_16_lite0" else "fgIoU"
    )
    weights = cfg.model.student.decode_head.loss_decode.get("class_weight")
    assert (weights is None) == (data == "nuclei_8")  # no class is rare there
    if weights:
        assert len(weights) == CLASSES[data]
        # if w is proportional to share^-0.5 and its mean over the pixels is 1
        assert sum(1 / w for w in weights) == pytest.approx(sum(w**-2 for w in weights), rel=0.005)
    whole = cfg.model.student.test_cfg.mode == "whole"
    assert whole == (data == "kvasir_16" and not name.endswith(("_lora", "_linear")))
    length = cfg.train_cfg.max_iters
    if name.split("/")[0] in ("fixmatch", "unimatch", "rankmatch"):
        assert cfg.model.labels_from == "teacher" and cfg.model.flip_labels
        assert cfg.model.teacher == dict(momentum=0.01, warmup=True)
        assert (cfg.model.warmup, cfg.model.ramp) == (length / 4, length / 8)
        assert cfg.model.threshold == 0
        softer = cfg.model.get("unlabeled_class_weight")
        assert bool(softer) == cfg.model.get("soft_labels", False) == (data == "camvid_1_16_lite0")
        for one, other in zip(weights if softer else (), softer or (), strict=True):
            # share^-0.25 is the root of share^-0.5, but for the scale of both
            assert other**2 / one == pytest.approx(softer[0] ** 2 / weights[0], rel=0.005)
    elif cfg.model.type != "Supervised":
        assert (cfg.model.warmup, cfg.model.ramp) == (length / 4, length / 4)


@for_each([n for n in NAMES if n.endswith("_linear")])
def test_linear_probe_changes_the_head_alone(name):
    mine, full = (load(n).model.student for n in (name, name.removesuffix("_linear")))
    assert mine.backbone.frozen and mine.decode_head.type == "LinearHead"
    assert mine.decode_head.loss_decode == full.decode_head.loss_decode
    windows = dict(mode="slide", crop_size=(129, 129), stride=(64, 64))
    assert mine.test_cfg == (windows if "kvasir" in name else full.test_cfg)


@for_each([n for n in NAMES if n.endswith("_lora")])
def test_adapters_change_the_encoder_alone(name):
    mine, full = (load(n).model.student for n in (name, name.removesuffix("_lora")))
    assert mine.backbone == full.backbone | dict(model="tf_efficientnet_lite0", lora=16)
    assert mine.decode_head == full.decode_head
    # Padding of TensorFlow needs windows with the parity of the crops.
    assert mine.test_cfg == dict(mode="slide", crop_size=(129, 129), stride=(64, 64))
    probe = load(name.replace("_lora", "_linear"))
    assert load(name).model.data_preprocessor == probe.model.data_preprocessor
    assert resolved(name).optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult == 1
