# SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config

from rankseg.models.losses import RankCorrelationLoss
from rankseg.training.config import load_config
from rankseg.training.option_checks import check_options, parameters_of


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("model.soft_labels", "no", "True or False"),  # every text is true
        ("model.flip_labels", 1, "True or False"),
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
        ("resume", "no", "True or False"),
    ],
)
def test_option_of_the_wrong_type(config_file, key, value, expected):
    message = f"Expected {key} to be {expected}[^.]*, but got {value!r}."
    with pytest.raises(ValueError, match=message):
        load_config(str(config_file), options={key: value})


def test_values_that_stand_for_the_same_number(config_file):
    options = {"model.warmup": 1e1, "model.threshold": 1, "model.rank.loss_weight": 1}
    cfg = load_config(str(config_file), options=options)
    check_options(cfg)


def test_none_can_be_filled_in_later():
    check_options(Config({"model": {"type": "LinearHead", "in_channels": None}}))


def test_functions_and_classes_of_other_packages_are_left_alone():
    text = {"type": "MultiLevelNeck", "in_channels": "3", "scales": "x"}
    check_options(Config({"model": text, "other": {"type": "nothing of this name", "a": "b"}}))


def test_annotated_types():
    types = parameters_of(RankCorrelationLoss)
    assert types["num_agents"] == {float}
    assert "self" not in types
