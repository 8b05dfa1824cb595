# SPDX-License-Identifier: Apache-2.0
import os

import pytest
import torch

from rankseg.utils import threads, wait_policy
from rankseg.utils.threads import USER_SETTINGS, limit_threads, log_threads, usable_cores


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Eight cores, no quota, eight threads, nothing set by the user."""
    for name in USER_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(wait_policy._State, "late", False)
    number = [8]
    monkeypatch.setattr(torch, "get_num_threads", lambda: number[0])
    monkeypatch.setattr(torch, "set_num_threads", lambda count: number.__setitem__(0, count))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("", 8)],
)
def test_cores_of_a_container(quota, cores, tmp_path):
    (tmp_path / "cpu.max").write_text(quota)
    limit_threads()
    assert usable_cores() == cores == torch.get_num_threads()


def test_cores_where_affinity_is_unknown(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert usable_cores() == 3


@pytest.mark.parametrize("name", USER_SETTINGS)
def test_number_of_the_user_stays(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(name, "8")
    (tmp_path / "cpu.max").write_text("100000 100000")
    limit_threads()
    assert torch.get_num_threads() == 8
    log_threads()
    assert f"8 ({name}=8)" in capsys.readouterr().out


def test_fewer_threads_than_cores_stay(capsys):
    torch.set_num_threads(3)
    limit_threads()
    assert torch.get_num_threads() == 3
    log_threads()
    out = capsys.readouterr().out
    assert " 3 (" in out and "OMP_NUM_THREADS" in out


def test_a_late_policy_is_logged_once_and_only_with_several_threads(monkeypatch, capsys):
    for count, logged in ((8, True), (8, False), (1, False)):
        monkeypatch.setattr(wait_policy._State, "late", logged or count == 1)
        torch.set_num_threads(count)
        limit_threads()
        assert ("Import rankseg before torch" in capsys.readouterr().out) == logged
