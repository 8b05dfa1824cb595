# SPDX-License-Identifier: Apache-2.0
import importlib.util
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

from rankseg.utils import wait_policy
from rankseg.utils.wait_policy import POLICY, set_wait_policy, take_note

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """Neither a policy in the environment nor a note from before."""
    for name in POLICY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(wait_policy._State, "late", False)


def run(code: str, **settings: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True)


def test_importing_the_package_sets_the_policy_without_torch():
    names = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"]
    code = f"import rankseg, os, sys; print('torch' in sys.modules, *map(os.getenv, {names}))"
    assert run(code).stdout == "False PASSIVE 3000 0\n"


def test_openmp_of_torch_reads_the_policy():
    folder = Path(importlib.util.find_spec("torch").origin).with_name("lib")
    library = next(folder.glob("libgomp*.so*"), None)
    if library is None:
        pytest.skip("this torch brings no libgomp")
    load = f"import ctypes; ctypes.CDLL({str(library)!r})"  # as torch does
    short, passive, late = (
        re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)
        for done in (
            run(f"import rankseg; {load}", OMP_DISPLAY_ENV="VERBOSE"),
            run(f"import rankseg; {load}", OMP_DISPLAY_ENV="VERBOSE", OMP_WAIT_POLICY="PASSIVE"),
            run(f"{load}; import rankseg", OMP_DISPLAY_ENV="VERBOSE"),
        )
    )
    assert short[0] == "3000" and passive[0] == "0" and int(late[0]) > 3000


@pytest.mark.parametrize("name", POLICY)
def test_settings_of_the_user_stay(name, monkeypatch):
    monkeypatch.setenv(name, "17")
    set_wait_policy()
    assert {key: os.environ.get(key) for key in POLICY if key in os.environ} == {name: "17"}
    assert take_note() is None  # the user has decided


def test_says_once_that_torch_was_imported_before(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    set_wait_policy()
    assert os.environ["GOMP_SPINCOUNT"] == "3000"  # for the processes that it starts
    assert re.search("Import rankseg before torch.* OMP_WAIT_POLICY=PASSIVE", take_note())
    assert take_note() is None


def test_says_nothing_in_time(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    set_wait_policy()
    assert take_note() is None
