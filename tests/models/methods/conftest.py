# SPDX-License-Identifier: Apache-2.0
"""A builder of methods on the toy network."""

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.registry import MODELS
from rankseg.testing.toy import toy_student

SMALL = {"RankMatch": dict(rank=dict(num_agents=6))}


@pytest.fixture
def build():
    """``build('UniMatch', threshold=0.0)``: an initialised method in training mode."""
    init_default_scope("rankseg")
    torch.manual_seed(0)

    def make(name: str, student: dict | None = None, **options):
        options = {**SMALL.get(name, {}), **options}
        if name in ("FixMatch", "UniMatch", "RankMatch", "SimMatch"):
            options.setdefault("threshold", 0.0)
        method = MODELS.build(
            dict(
                type=name,
                student=student or toy_student(),
                data_preprocessor=dict(type="ViewPreprocessor", mean=[0.0] * 3, std=[1.0] * 3),
                **options,
            )
        )
        method.init_weights()
        return method.train()

    return make
