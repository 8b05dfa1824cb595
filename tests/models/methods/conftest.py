# SPDX-License-Identifier: Apache-2.0
"""A builder of methods on the toy network."""

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.registry import init_default_scope

from rankseg.registry import MODELS
from rankseg.testing.toy import toy_student

PERTURBATIONS = (
    *("ChannelDropout", "GuidedCutout", "VirtualAdversarial", "MaskContext", "MaskObjects"),
    *("FeatureDrop", "FeatureNoise"),
)
SMALL = {
    "RankMatch": dict(rank=dict(num_agents=6)),
    "CCT": dict(perturbations=[dict(count=1, perturb=dict(type=name)) for name in PERTURBATIONS]),
}


@pytest.fixture(autouse=True)
def from_the_start() -> None:
    """No run, which another test may have made, is under way."""
    MessageHub.get_current_instance().update_info("iter", 0)


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


@pytest.fixture
def vary():
    """``vary(network, images)``: have a network predict every class somewhere, in eval mode."""

    @torch.no_grad()
    def change(network, images):
        head = network.decode_head.conv_seg
        logits = network.decode_head(network.extract_feat(images))
        head.bias -= logits.mean((0, 2, 3))
        spread = logits.std((0, 2, 3))
        head.weight /= spread[:, None, None, None]
        head.bias /= spread
        classes = network.decode_head(network.extract_feat(images)).argmax(1).unique()
        assert len(classes) == 3

    return change
