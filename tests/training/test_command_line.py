# SPDX-License-Identifier: Apache-2.0
"""Arguments that the tools share."""

import argparse
import importlib
from pathlib import Path

import pytest

from rankseg.models.weights.checkpoint_file import trusts_checkpoints
from rankseg.training.command_line import add_default, running, trained_from

OUT = ["--out", "x"]
TOOLS = {  # name, required options, number of inputs to try
    "agent_maps": ([], 2),
    "assembly_maps": ([], 2),
    "attention_maps": ([], 2),
    "evaluate_features": ([], 0),
    "export_onnx": (OUT, 0),
    "match_images": ([], 0),
    "predict": (OUT, 1),
    "pseudo_label": ([*OUT, "--share", "0.5"], 0),
    "retrieve": ([], 0),
    "sample_map": ([], 0),
    "test": ([], 0),
    "to_mmseg": (OUT, 0),
    "to_safetensors": (OUT, 0),
}


@pytest.fixture(params=TOOLS)
def tool(request, tmp_path, monkeypatch):
    """Parser of a tool, its required options and inputs, in a folder with a run."""
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    options, count = TOOLS[request.param]
    module = importlib.import_module(f"rankseg.cli.{request.param}")
    return module.parse_args, options, ["a.png", "b.png"][:count]


def test_takes_a_run_or_a_config_and_a_checkpoint(tool):
    parse, options, inputs = tool
    args = parse(["run", *inputs, *options])
    assert (args.config, args.checkpoint, args.inputs) == ("run", None, inputs)
    args = parse([*options, "run/last", *inputs])
    assert (args.config, args.checkpoint, args.inputs) == ("run/last", None, inputs)
    args = parse(["c.py", "w.pth", *inputs, *options])
    assert (args.config, args.checkpoint, args.inputs) == ("c.py", "w.pth", inputs)


def test_takes_options_between_the_arguments(tool):
    parse, options, inputs = tool
    more = ["--trust-checkpoint", "--cfg-options", "a=1", "b.c=x", *options]
    for place in range(3 + len(inputs)):
        words = ["c.py", "w.pth", *inputs]
        words[place:place] = [*more, "--trust-checkpoint"]  # ends the list of --cfg-options
        args = parse(words)
        assert (args.config, args.checkpoint, args.inputs) == ("c.py", "w.pth", inputs)
        assert args.cfg_options == {"a": 1, "b.c": "x"} and args.trust_checkpoint
    args = parse(["run", *options, "--checkpoint", "last", *inputs])
    assert (args.config, args.checkpoint, args.inputs) == ("run", "last", inputs)


def test_names_what_is_missing(tool, capsys):
    parse, options, inputs = tool
    with pytest.raises(FileNotFoundError, match="no_run to be the work folder of a run"):
        trained_from(parse(["work_dirs/no_run", *inputs[: len(inputs) % 2], *options]))
    if len(inputs) < 2:
        with pytest.raises(SystemExit):
            parse(["c.py", *inputs, *options])
        assert "Expected a checkpoint" in capsys.readouterr().err
    if len(inputs) == 1:
        with pytest.raises(SystemExit):
            parse(["run", *options])
        assert "Expected 1 more argument" in capsys.readouterr().err
    if not inputs:
        with pytest.raises(SystemExit):
            parse(["c.py", "w.pth", "photo.png", *options])
        assert "photo.png" in capsys.readouterr().err


def test_refuses_a_launcher_in_tools_of_one_process(capsys):
    args = argparse.Namespace(trust_checkpoint=False, launcher="slurm")
    with pytest.raises(SystemExit), running(args, "rankseg.cli.retrieve"):
        pass
    error = capsys.readouterr().err
    assert "retrieve" in error and "Leave --launcher out" in error
    with running(args):  # other tools take it
        pass


def test_trusts_checkpoints_only_if_asked():
    for trusted in (False, True):
        with running(argparse.Namespace(trust_checkpoint=trusted)):
            assert trusts_checkpoints() == trusted
        assert not trusts_checkpoints()


def test_option_names_its_default(capsys):
    parser = argparse.ArgumentParser()
    add_default(parser, "--share", 0.5, "share of images")
    assert parser.parse_args(["--share", "1"]).share == 1.0
    assert parser.parse_args([]).share == 0.5
    assert "--share N share of images (default: 0.5)" in " ".join(parser.format_help().split())
