# SPDX-License-Identifier: Apache-2.0
import sys

import pytest

from rankseg.utils.commands import console_names, spell_commands


@pytest.fixture
def console(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/rankseg"])
    with console_names() as prefix:
        assert prefix == "rankseg"
        yield


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("python tools/train.py a.py", "rankseg train a.py"),
        ("use `python tools/make_splits.py draw`", "use `rankseg make-splits draw`"),
        ("a work folder of tools/train.py", "a work folder of rankseg train"),
        ("(tools/new_project.py)", "(rankseg new)"),
        ("python tools/dataset_converters/lucchi.py X", "rankseg new-stack X"),
        ("python ../../repo/tools/test.py X", "rankseg test X"),
        ("python /a/b-c/tools/test.py X", "rankseg test X"),
        ("python '/a b/tools'/predict.py X", "rankseg predict X"),
        ("torchrun --nnodes=1 tools/train.py X", "torchrun --nnodes=1 -m rankseg train X"),
        (
            "python -m torch.distributed.run --nproc_per_node=2 tools/train.py X",
            "python -m torch.distributed.run --nproc_per_node=2 -m rankseg train X",
        ),
        ("python tools/train.py a\npython tools/test.py b", "rankseg train a\nrankseg test b"),
        ("python tools/benchmarks/step.py", "python tools/benchmarks/step.py"),
        ("python tools/config_tables.py", "python tools/config_tables.py"),
        ("mytools/train.py", "mytools/train.py"),
    ],
)  # fmt: skip
def test_commands_of_the_console(console, text, wanted):
    assert spell_commands(text) == wanted


def test_tools_keep_their_names_outside_of_the_console(console):
    with console_names():
        pass
    assert spell_commands("python tools/train.py") == "rankseg train"  # an inner one has ended


def test_files_of_the_checkout(monkeypatch):
    assert spell_commands("python tools/train.py") == "python tools/train.py"
    monkeypatch.setattr(sys, "argv", ["/x/rankseg/__main__.py"])
    with console_names():
        assert spell_commands("python tools/train.py a") == "python -m rankseg train a"
    assert spell_commands("python tools/train.py") == "python tools/train.py"
