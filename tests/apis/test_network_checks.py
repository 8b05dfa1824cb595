# SPDX-License-Identifier: Apache-2.0
"""Check of the network before training, on networks of which the right answer is known."""

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.apis import load_config
from rankseg.apis.network_checks import check_model, fits, shapes_of
from rankseg.registry import MODELS


@pytest.mark.parametrize(
    ("crop", "cells", "align", "step", "right"),
    [
        (321, 21, True, 16, True),
        (513, 33, True, None, True),
        (320, 20, False, 16, True),
        (330, 21, True, 16, False),  # the last feature is on pixel 320, not 329
        (320, 20, True, None, False),
        (321, 21, False, 16, False),
        (37, 3, True, None, True),  # 18 pixels apart, as far as numbers tell
        (37, 3, True, 16, False),
        (224, 16, False, 14, True),
        (1, 1, True, None, False),
    ],
)
def test_grids_that_fall_on_pixels(crop, cells, align, step, right):
    assert fits(crop, cells, align, step) is right


def build(config_file, **options):
    init_default_scope("rankseg")
    cfg = load_config(str(config_file), options=options)
    with torch.device("meta"):
        return MODELS.build(cfg.model), cfg


def test_size_of_features_without_computing(config_file):
    model, _ = build(config_file)
    assert shapes_of(model, (33, 49)).size == (3, 4)


def test_more_agents_than_positions(config_file):
    check_model(*build(config_file, **{"model.rank.num_agents": 9}))
    with pytest.raises(ValueError, match="num_agents=10 .* 9 positions"):
        check_model(*build(config_file, **{"model.rank.num_agents": 10}))


def test_both_pipelines_must_crop_alike(config_file):
    option = {"train_dataloader.dataset.labeled_pipeline.1.crop_size": 49}
    with pytest.raises(ValueError, match="crop to different sizes"):
        check_model(*build(config_file, **option))


def test_crop_is_checked_without_a_feature_tap(config_file):
    sizes = {
        f"train_dataloader.dataset.{half}_pipeline.1.crop_size": 40
        for half in ("labeled", "unlabeled")
    }
    cfg = load_config(str(config_file))
    cfg.model = dict(
        type="UniMatch",
        student=cfg.model.student,
        data_preprocessor=cfg.model.data_preprocessor,
    )
    cfg.merge_from_dict(sizes)
    with torch.device("meta"):
        model = MODELS.build(cfg.model)
    with pytest.raises(
        ValueError, match="multiple of 16 plus 1, .* got 40. Set crop_size to 33 or 49"
    ):
        check_model(model, cfg)
