# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/tutorial.md work in their order, in a smaller form."""

import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest

from rankseg.imageio.tiff import TiffStack
from rankseg.training.command_line import config_from
from rankseg.training.option_checks import check_options

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs/tutorial.md").read_text()
SMALLER = (
    # start of a command, replacements in it, extra arguments
    ("tools/draw_stack.py", {}, "--size 96 --test-pages 2"),
    ("tools/train.py", {}, "--tiny"),  # two iterations
    ("tools/predict.py", {"training.tif": "testing.tif"}, ""),  # 2 pages for 165
)
LAST = re.search(r"iter_(\d+)\.pth", TEXT)[0]  # iter_2.pth after two iterations


def commands(kind: str) -> list[list[str]]:
    """Return the arguments of every `python ...` in the fenced blocks of a kind."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.M | re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("python ")]


def smaller(arguments: list[str]) -> list[str]:
    """Return a smaller form of a command."""
    line = shlex.join(arguments).replace(LAST, "iter_2.pth")
    for tool, changes, extra in SMALLER:
        if arguments[0] == tool:
            for old, new in changes.items():
                line = line.replace(old, new)
            line += f" {extra}"
    arguments = shlex.split(line)
    if arguments[0] == "tools/train.py" and "--work-dir" not in arguments:
        config = Path(arguments[1])  # --tiny uses a different folder
        arguments += ["--work-dir", f"work_dirs/{config.parent.name}/{config.stem}"]
    return arguments


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Run all commands of the page in a folder that has only tools and configs."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name in ("tools", "configs"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for tool, *arguments in map(smaller, commands("sh")):
            runpy.run_path(tool)["main"](arguments)
    return folder


def test_page_has_all_steps_in_order():
    tools = [Path(tool).stem for tool, *_ in commands("sh")]
    way = ["draw_stack", "lucchi", "train", "train", "report", "compare", "test", "predict"]
    assert tools[: len(way)] == way and "train" in tools[len(way) :]


def test_commands_write_the_files_that_the_page_shows(folder):
    named = set(re.findall(r"`((?:data|work_dirs)/[\w./]*\w)`", TEXT))
    assert {"work_dirs/report.html", "work_dirs/predicted/overview.png"} <= named
    for path in named:
        assert (folder / path.replace(LAST, "iter_2.pth")).exists(), path


def test_masks_are_a_stack_of_the_size_of_the_input(folder):
    masks = next((folder / "work_dirs/predicted/masks").rglob("*.tif"))
    with TiffStack(masks) as found, TiffStack(folder / "data/drawn/testing.tif") as given:
        assert (len(found), found.shape) == (len(given), given.shape)
        assert set(np.unique(found[0])) <= {0, 255}


@pytest.mark.parametrize("arguments", commands("text"), ids=" ".join)
def test_tools_parse_commands_with_files_of_the_reader(arguments):
    tool, *rest = arguments
    args = runpy.run_path(str(ROOT / tool))["parse_args"](rest)
    if tool == "tools/train.py":
        args.config = str(ROOT / args.config)
        check_options(config_from(args))
