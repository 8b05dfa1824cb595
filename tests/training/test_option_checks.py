# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Optional

import pytest
from mmengine.config import Config

from rankseg.models.losses import RankCorrelationLoss
from rankseg.registry import MODELS
from rankseg.training.config import load_config
from rankseg.training.option_checks import check_options, parameters_of


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("model.soft_labels", "no", "True or False"),  # every text is true
        ("model.flip_labels", 2, "True or False"),
        ("model.flip_labels", None, "True or False"),  # only other options are filled in later
        ("model.threshold", "0.9", "a number"),
        ("model.threshold", True, "a number"),
        ("model.warmup", "10", "a whole number"),
        ("model.warmup", 10.5, "a whole number"),
        ("model.rank.num_agents", "8", "a number"),
        ("model.labels_from", 3, "a text"),
        ("model.rank", 3, "a dict or None"),
        ("train_dataloader.dataset.labeled_pipeline", "x", "a list"),  # a text is a sequence, too
        # classes of mmseg, mmengine and torch
        ("model.student.backbone.norm_eval", "no", "True or False"),
        ("default_hooks.checkpoint.save_last", "no", "True or False"),
        ("train_dataloader.drop_last", "no", "True or False"),
        ("optim_wrapper.optimizer.nesterov", "no", "True or False"),
        ("resume", "no", "True or False"),
        # dicts without a type
        ("randomness.deterministic", "no", "True or False"),
        ("env_cfg.cudnn_benchmark", "no", "True or False"),
        ("auto_scale_lr.enable", "no", "True or False"),
        ("find_unused_parameters", "no", "True or False"),
        ("log_processor.by_epoch", "no", "True or False"),
        ("optim_wrapper.paramwise_cfg.bypass_duplicate", "no", "True or False"),
    ],
)
def test_option_of_the_wrong_type(config_file, key, value, expected):
    message = f"Expected {key} to be {expected}[^.]*, but got {value!r}."
    with pytest.raises(ValueError, match=message):
        load_config(str(config_file), options={key: value})


def test_values_that_stand_for_the_same_number(config_file):
    options = {"model.warmup": 1e1, "model.threshold": 1, "model.rank.loss_weight": 1}
    options |= {"model.flip_labels": 1, "model.soft_labels": 0, "train_dataloader.drop_last": 1}
    cfg = load_config(str(config_file), options=options)
    check_options(cfg)


def test_none_can_be_filled_in_later():
    check_options(Config({"model": {"type": "LinearHead", "in_channels": None}}))


def test_functions_and_classes_of_other_packages_are_left_alone():
    text = {"type": "MultiLevelNeck", "in_channels": "3", "scales": "x"}
    check_options(Config({"model": text, "other": {"type": "nothing of this name", "a": "b"}}))


@pytest.mark.parametrize("name", ["FPN", "mmseg.FPN"])
def test_booleans_of_other_packages_can_have_further_values(name):
    check_options(Config({"neck": {"type": name, "add_extra_convs": "on_input"}}))
    with pytest.raises(ValueError, match=r"neck\.add_extra_convs to be True or False, .* 'no'"):
        check_options(Config({"neck": {"type": name, "add_extra_convs": "no"}}))


@pytest.fixture
def mine(request):
    def register(cls):
        MODELS.register_module(module=cls)
        request.addfinalizer(lambda: MODELS.module_dict.pop(cls.__name__))

    return register


def test_booleans_of_classes_of_a_project(mine):
    class MyEncoder:
        def __init__(self, pretrained=False, frozen: bool = False, cp: Optional[bool] = None):  # noqa: UP045
            pass

    mine(MyEncoder)
    good = {"type": "MyEncoder", "pretrained": "imagenet", "frozen": True, "cp": None}
    check_options(Config({"model": good}))
    for key, value in (("pretrained", "no"), ("frozen", "imagenet"), ("cp", "off")):
        with pytest.raises(ValueError, match=f"model.{key} to be True.* but got {value!r}"):
            check_options(Config({"model": good | {key: value}}))


def test_annotations_that_cannot_be_read_are_skipped(mine):
    class MyHead:
        def __init__(self, kind: "OnlyForTypeCheckers", frozen: "bool" = False):  # noqa: F821
            pass

    MyHead.__module__ = "rankseg.my_head"
    mine(MyHead)
    check_options(Config({"model": {"type": "MyHead", "kind": 3}}))
    with pytest.raises(ValueError, match="model.frozen to be True.* but got 'x'"):
        check_options(Config({"model": {"type": "MyHead", "kind": 3, "frozen": "x"}}))


def test_paths_stand_for_texts():
    check_options(Config({"data": {"type": "FolderDataset", "data_root": Path("x")}}))


@pytest.mark.parametrize("name", ["", ".", "..", "a..b", "nothing.of.this.name"])
def test_other_uses_of_the_key_type_are_left_alone(name):
    check_options(Config({"other": {"type": name, "a": "b"}}))


def test_a_name_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "loud_package.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    check_options(Config({"other": {"type": "loud_package.Part"}}))


def test_annotated_types():
    types = parameters_of(RankCorrelationLoss)
    assert types["num_agents"] == {float}
    assert "self" not in types
