# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.utils.run_arguments import parse_run


def test_recognizes_runs_and_their_checkpoints(tmp_path):
    assert parse_run(tmp_path) == (tmp_path, None)
    for name, which in (("last", "last"), ("best", "best"), ("best.pth", "best")):
        assert parse_run(str(tmp_path / name)) == (tmp_path, which)
    file = str(tmp_path / "iter_5.pth")
    assert parse_run(file) == (tmp_path, file)


@pytest.mark.parametrize(
    "text", ["configs/a.py", "rankmatch/voc_92", "no/such/folder", "nowhere/last", "nowhere/a.pth"]
)
def test_leaves_configs_and_missing_folders_alone(text):
    assert parse_run(text) is None
