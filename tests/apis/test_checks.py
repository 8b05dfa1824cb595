# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.apis import load_config
from rankseg.apis.checks import check_crop, check_model, tapped_size
from rankseg.registry import MODELS


@pytest.mark.parametrize(
    ("crop", "cells", "align", "message"),
    [
        (330, 21, True, "crop_size 330 .* multiple of the stride 16 plus 1: use 321 or 337"),
        (320, 20, True, "use 305 or 321"),
        (321, 21, False, "multiple of the stride 16: use 320 or 336"),
    ],
)
def test_crop_that_does_not_suit_the_stride(crop, cells, align, message):
    with pytest.raises(ValueError, match=message):
        check_crop(crop, cells, align)


@pytest.mark.parametrize(
    ("crop", "cells", "align"),
    [(321, 21, True), (513, 33, True), (801, 51, True), (320, 20, False)],
)
def test_crops_that_do(crop, cells, align):
    check_crop(crop, cells, align)


def build(config_file, **options):
    init_default_scope("rankseg")
    cfg = load_config(str(config_file), options=options)
    with torch.device("meta"):
        return MODELS.build(cfg.model), cfg


def test_size_of_features_without_computing(config_file):
    model, _ = build(config_file)
    assert tapped_size(model, (33, 49)) == (3, 4)


def test_more_agents_than_positions(config_file):
    check_model(*build(config_file, **{"model.rank.num_agents": 9}))
    with pytest.raises(ValueError, match="num_agents=10 .* 9 positions"):
        check_model(*build(config_file, **{"model.rank.num_agents": 10}))


def test_both_pipelines_must_crop_alike(config_file):
    option = {"train_dataloader.dataset.labeled_pipeline.1.crop_size": 49}
    with pytest.raises(ValueError, match="crop to different sizes"):
        check_model(*build(config_file, **option))
