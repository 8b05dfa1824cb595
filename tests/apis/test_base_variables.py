# SPDX-License-Identifier: Apache-2.0
"""Settings that would silently change nothing."""

from pathlib import Path

import pytest

from rankseg.apis import load_config
from rankseg.apis.base_variables import base_files

CONFIGS = Path("configs").absolute()


@pytest.mark.parametrize(
    ("base", "name", "setting", "where"),
    [
        ("metric_learning/omniglot_mini", "clusters", "dict(interval_epochs=3)", "custom_hooks[5]"),
        ("snowball/cifar10_mini_100", "discovery", "dict(begin=40, length=9)", "custom_hooks[5]"),
        ("san/omniglot_mini", "spatial_assembly", "dict(insert=dict())", "model.student"),
    ],
)
def test_a_part_that_was_moved_already(tmp_path, base, name, setting, where):
    mine = tmp_path / "mine.py"
    mine.write_text(f"_base_ = '{CONFIGS / base}.py'\n{name} = {setting}\n")
    with pytest.raises(ValueError) as error:
        load_config(str(mine))
    message = str(error.value)
    assert f"mine.py sets '{name}', a variable of {CONFIGS}/_base_/methods" in message
    assert f"`_base_.{where}." in message


def test_where_it_went_is_not_always_known(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(f"_base_ = '{CONFIGS}/metric_learning/omniglot_mini.py'\nclusters = 30\n")
    with pytest.raises(ValueError, match=r"sets 'clusters', .* set it where it went"):
        load_config(str(mine))


def test_variables_of_ones_own_and_what_the_message_advises(tmp_path):
    mine = tmp_path / "mine.py"
    lines = (
        f"_base_ = ['{CONFIGS}/metric_learning/omniglot_mini.py']",
        "size = 300",
        "norm_cfg = dict(type='BN')",
        "_base_.custom_hooks[5].clusters = 30",
        "model = dict(memory=dict(size=size))",
    )
    mine.write_text("\n".join(lines))
    cfg = load_config(str(mine))
    assert cfg.custom_hooks[5].clusters == 30 and cfg.model.memory.size == 300


def test_variables_that_a_base_keeps_may_be_set_again(tmp_path):
    base, mine = tmp_path / "base.py", tmp_path / "mine.py"
    base.write_text(f"_base_ = '{CONFIGS}/metric_learning/omniglot_mini.py'\nsize = 3\n")
    mine.write_text("_base_ = './base.py'\nsize = 9\nmodel = dict(memory=dict(size=size))\n")
    assert load_config(str(mine)).model.memory.size == 9
    mine.write_text("_base_ = './base.py'\n")
    assert load_config(str(mine)).size == 3, "inherited"


def test_a_base_of_ones_own_is_looked_at_too(tmp_path):
    base, mine = tmp_path / "base.py", tmp_path / "mine.py"
    base.write_text(
        f"_base_ = '{CONFIGS}/metric_learning/omniglot_mini.py'\nclusters = dict(clusters=3)\n"
    )
    mine.write_text("_base_ = './base.py'\n")
    with pytest.raises(ValueError, match=r"base\.py sets 'clusters', a variable of"):
        load_config(str(mine))


def test_files_that_a_config_builds_on():
    found = [path.relative_to(CONFIGS) for path in base_files(CONFIGS / "tac_ccl/omniglot_mini.py")]
    assert found[0] == Path("metric_learning/omniglot_mini.py")
    assert Path("_base_/methods/tac_ccl.py") in found and len(found) == len(set(found))
    assert list(base_files("saved.json")) == []
