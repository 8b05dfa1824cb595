# SPDX-License-Identifier: Apache-2.0
"""A method that is built before the run is the one that the run would have built."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner.utils import set_random_seed

from rankseg.engine.built import build_method, take_built
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_student


@pytest.fixture
def cfg():
    init_default_scope("rankseg")
    return Config(
        dict(model=dict(type="Supervised", student=toy_student()), randomness=dict(seed=7))
    )


def test_weights_and_random_numbers_are_those_of_the_run(cfg):
    set_random_seed(7)
    wanted = MODELS.build(cfg.model).state_dict()
    after = torch.rand(3)

    torch.manual_seed(1)
    before = torch.get_rng_state()
    built = build_method(cfg)
    assert torch.equal(torch.get_rng_state(), before)
    with built.for_runner():
        method = take_built()
    assert method is built.method and take_built() is None
    assert torch.equal(torch.rand(3), after)
    assert all(torch.equal(value, wanted[name]) for name, value in method.state_dict().items())


@pytest.mark.parametrize("randomness", [None, dict(seed=None), dict(diff_rank_seed=True)])
def test_without_a_seed_the_runner_builds_with_the_seed_that_it_draws(cfg, randomness):
    cfg.randomness = randomness
    set_random_seed(7)
    wanted = torch.rand(3)
    built = build_method(cfg)
    set_random_seed(7)  # as a runner that has drawn a 7, and says so in its log
    with built.for_runner():
        assert take_built() is None
    assert torch.equal(torch.rand(3), wanted)


def test_what_mmseg_refuses_is_one_sentence(cfg):
    cfg.model.student.backbone.depth = 19
    cfg.config_file = "x.py"
    with pytest.raises(ValueError, match=r"model of x.py: .*19"):
        build_method(cfg)
    cfg.model.student.backbone.type = "NoSuchNet"
    with pytest.raises(ValueError, match=r"model of x.py: .*NoSuchNet"):
        build_method(cfg)


def test_assertion_without_a_message_names_its_line(cfg):
    cfg.model.student.decode_head = dict(
        type="UPerHead", in_channels=64, channels=8, num_classes=3, loss_decode=None
    )
    with pytest.raises(ValueError, match=r"model of .*: AssertionError in uper_head.py|assert"):
        build_method(cfg)
