# SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config

from rankseg.engine.fused import use_fused


@pytest.mark.parametrize(
    ("optimizer", "fused"),
    [
        (dict(type="SGD", lr=0.1), True),
        (dict(type="AdamW", lr=0.1), True),
        (dict(type="SGD", lr=0.1, fused=False), False),
        (dict(type="SGD", lr=0.1, foreach=True), None),  # torch takes one of the two
        (dict(type="Lion", lr=0.1), None),
        (None, None),
    ],
)
def test_torchs_own_optimizers_unless_told_otherwise(optimizer, fused):
    cfg = Config(dict(optim_wrapper=dict(type="OptimWrapper", optimizer=optimizer)))
    use_fused(cfg)
    assert (cfg.optim_wrapper.optimizer or {}).get("fused") is fused


def test_without_an_optimizer():
    use_fused(Config(dict()))
