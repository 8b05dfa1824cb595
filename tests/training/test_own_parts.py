# SPDX-License-Identifier: Apache-2.0
"""Examples of docs/extend.md in one file outside the package, loaded by `custom_imports`."""

import re
import sys
from pathlib import Path

import pytest

from rankseg import apis
from rankseg.testing.toy import NARROW
from rankseg.training.tiny import make_tiny

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs/extend.md").read_text(), flags=re.M | re.S
)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write the part that defines a class, and return the path of the config that uses it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str) -> str:
        (part,) = (block for block in BLOCKS if f"class {name}" in block)
        (config,) = (one for one in BLOCKS if "_base_" in one and f'type="{name}"' in one)
        (module,) = re.findall(r'imports=\["(\w+)"\]', config)
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(part.replace("module()", "module(force=True)"))
        path = tmp_path / "mine.py"
        path.write_text(config.replace('_base_ = "./', f'_base_ = "{ROOT}/configs/unimatch/'))
        return str(path)

    return write


@pytest.mark.parametrize("name", ["Mine", "SmoothedLoss", "SmallBackbone", "ThresholdHook"])
def test_trains_an_own_part(config, name):
    options = {} if name == "SmallBackbone" else NARROW
    cfg = make_tiny(apis.load_config(config(name), options=options), "run")
    runner = apis.train(cfg).runner
    assert runner.iter == 2 and Path("run/iter_2.pth").is_file()
    scalars = runner.message_hub.log_scalars
    assert ("train/loss_entropy" in scalars) == (name == "Mine")
    method = runner.model
    assert (type(method).__name__ == "Mine") == (name == "Mine")
    assert (type(method.student.backbone).__name__ == name) == (name == "SmallBackbone")
    assert (type(method.student.decode_head.loss_decode).__name__ == name) == (
        name == "SmoothedLoss"
    )
    threshold = 0.5 * 0.99**2 if name == "ThresholdHook" else 0.0
    assert method.threshold == pytest.approx(threshold)


def test_raises_on_the_checks_of_an_own_hook(config):
    cfg = make_tiny(apis.load_config(config("ThresholdHook"), options=NARROW), "run")
    cfg.custom_hooks[-1].interval = 3
    with pytest.raises(ValueError, match="interval of ThresholdHook to be at most 2, .* got 3"):
        apis.check_before_training(cfg)
    cfg.custom_hooks[-1].interval, cfg.model.type = 1, "Supervised"
    del cfg.model["threshold"]
    with pytest.raises(ValueError, match="model.type to be FixMatch or a subclass for Threshold"):
        apis.check_before_training(cfg)
