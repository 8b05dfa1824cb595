# SPDX-License-Identifier: Apache-2.0
"""Choices and defaults that command lines repeat, so that ``--help`` needs no imports."""

import inspect
import sys
from types import ModuleType

import pytest

from rankseg.analysis import sample_map as sample_maps
from rankseg.cli import (
    compare,
    draw_stack,
    evaluate_features,
    lucchi,
    new_project,
    report,
    sample_map,
    unimatch,
)
from rankseg.demo.stack import make_demo_stacks
from rankseg.engine.known_images import BANKS
from rankseg.export.released import NETWORKS
from rankseg.projects.stack_masks import BACKGROUND, UNLABELED
from rankseg.projects.stacks import CLASSES
from rankseg.report.compare import PICKS
from rankseg.report.run_predictions import CHECKPOINTS
from rankseg.training.command_line import ToolParser
from rankseg.visualization.plane import WAYS


def options(tool: ModuleType, monkeypatch) -> dict:
    """Return the actions of the parser of a tool by option."""
    parsers = []
    monkeypatch.setattr(
        ToolParser, "parse_known_args", lambda self, *_: parsers.append(self) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        tool.parse_args([])
    return {name: action for action in parsers[0]._actions for name in action.option_strings}


@pytest.mark.parametrize(
    ("tool", "option", "choices"),
    [
        (compare, "--pick", PICKS),
        (compare, "--checkpoint", CHECKPOINTS),
        (report, "--checkpoint", CHECKPOINTS),
        (evaluate_features, "--bank", BANKS),
        (sample_map, "--images", sample_maps.IMAGES),
        (sample_map, "--how", WAYS),
        (unimatch, "--network", NETWORKS),
        (lucchi, "--empty-masks", (UNLABELED, BACKGROUND)),
        (new_project, "--empty-masks", (UNLABELED, BACKGROUND)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_choices(tool, option, choices, monkeypatch):
    action = options(tool, monkeypatch)[option]
    assert {*action.choices} == {*choices}
    assert action.default is None or action.default in choices


def test_defaults(monkeypatch):
    assert tuple(options(lucchi, monkeypatch)["--classes"].default) == CLASSES
    assert options(sample_map, monkeypatch)["--limit"].default == sample_maps.LIMIT
    drawn, parameters = options(draw_stack, monkeypatch), inspect.signature(make_demo_stacks)
    for name in ("pages", "test_pages", "size", "seed"):
        action = drawn[f"--{name.replace('_', '-')}"]
        assert action.default == parameters.parameters[name].default
        assert f"(default: {action.default})" in action.help


def test_help_of_all_options_can_be_formatted(monkeypatch, capsys):
    for tool in (compare, draw_stack, evaluate_features, lucchi, new_project, sample_map):
        monkeypatch.setattr(sys, "argv", ["tool"])
        with pytest.raises(SystemExit):
            tool.parse_args(["--help"])
        assert "usage: tool" in capsys.readouterr().out
