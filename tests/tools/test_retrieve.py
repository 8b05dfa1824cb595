# SPDX-License-Identifier: Apache-2.0

import pytest
from mmengine.config import Config

from rankseg.cli import retrieve


def named(*pairs: tuple[str, str]) -> list[str]:
    return retrieve.default_names([(Config({"config_file": c}), p) for c, p in pairs])


def test_names_distinguish_networks():
    assert named(("configs/san/cub.py", "a/iter_1.pth")) == ["cub"]
    assert named(("c/san/cub.py", "a/1.pth"), ("c/ms/cub.py", "b/1.pth")) == ["san/cub", "ms/cub"]
    assert named(("c/cub.py", "a/iter_1.pth"), ("c/cub.py", "a/iter_2.pth")) == ["iter_1", "iter_2"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["config.py"], "Expected a checkpoint, --random, or both"),
        (["config.py", "a.pth", "--names", "a", "b"], "1 --names, one per checkpoint, but got 2"),
    ],
)
def test_raises_on_conflicting_arguments(given, message, capsys):
    with pytest.raises(SystemExit):
        retrieve.parse_args(given)
    assert message in capsys.readouterr().err


def test_table():
    row = {"config": "c.py", "recall1": 50.0, "map_r": 12.345}
    assert retrieve.table({"a": row, "b": {**row, "recall1": 60.0}}).splitlines() == [
        "| % | recall1 | map_r |",
        "| --- | ---: | ---: |",
        "| a | 50.00 | 12.35 |",
        "| b | 60.00 | 12.35 |",
    ]
    assert "Recall@K is not available" in retrieve.table({"a": {"config": "c.py"}})
