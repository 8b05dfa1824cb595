# SPDX-License-Identifier: Apache-2.0
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rankseg.cli
from rankseg.cli.main import GROUPS, main
from rankseg.utils.commands import COMMANDS
from rankseg.version import __version__

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {
    path.stem: path for path in (ROOT / "tools").rglob("*.py") if path.parent.name != "benchmarks"
}
HELP = """
import contextlib, io, runpy, sys
tools = sys.argv[1:]
for tool in tools:
    sys.argv = [tool, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        runpy.run_path(tool, run_name="__main__")
    assert out.getvalue().startswith("usage: "), tool
    loaded = {"torch", "mmengine", "mmcv", "scipy", "matplotlib", "rich"} & {*sys.modules}
    assert not loaded, f"{tool} --help imports {loaded}"
(train,) = (tool for tool in tools if tool.endswith("/train.py"))
sys.argv = [train, "none.py"]
with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.suppress(SystemExit):
    runpy.run_path(train, run_name="__main__")
assert "Config none.py does not exist" in err.getvalue() and "torch" not in sys.modules
import rankseg.apis
assert "torch" not in sys.modules
"""


def run(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    """Run the command in a process."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env)


def test_help_of_a_tool_and_a_wrong_name_import_no_torch():
    done = run("-c", HELP, *map(str, TOOLS.values()))
    assert done.returncode == 0, done.stderr


def test_every_tool_is_a_command():
    modules = {path.stem for path in Path(rankseg.cli.__file__).parent.glob("*.py")}
    assert modules - {"__init__", "main"} == {*COMMANDS.values()}
    assert {*TOOLS} - {"config_tables"} == {*COMMANDS.values()}
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)
    for name, path in TOOLS.items():
        assert name == "config_tables" or f"from rankseg.cli.{name} import main" in path.read_text()


def test_help_lists_every_command_with_a_line(capsys):
    for arguments in ([], ["--help"]):
        assert main(arguments) is None
        lines = capsys.readouterr().out.splitlines()
        for name in COMMANDS:
            (line,) = (one for one in lines if one.startswith(f"  {name} "))
            assert re.fullmatch(r"  [\w-]+ +\S.*\.", line)


def test_help_of_a_command_names_commands_as_they_were_typed(monkeypatch, capsys):
    for program, prefix in (("rankseg", "rankseg"), ("x/__main__.py", "python -m rankseg")):
        monkeypatch.setattr(sys, "argv", [program])
        with pytest.raises(SystemExit) as ended:
            main(["train", "--help"])
        text = capsys.readouterr().out
        assert ended.value.code == 0 and text.startswith(f"usage: {prefix} train ")
        assert f"\n{prefix} train configs/rankmatch/voc_92.py --tiny" in text
        assert "\ntorchrun --nproc-per-node=2 -m rankseg train configs/" in text
        assert "tools/" not in text


def test_tool_names_may_be_written_as_in_the_folder(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["rankseg"])
    for name in ("new", "new_project", "new-project"):
        with pytest.raises(SystemExit) as ended:
            main([name])
        assert ended.value.code == 2
        assert "rankseg new: error" in capsys.readouterr().err


def test_unknown_command_suggests_one(capsys):
    assert main(["trian"]) == 2
    error = capsys.readouterr().err
    assert re.search("'trian'.*train", error) and error.count("\n") == 1
    assert main(["xyzzy"]) == 2
    assert "--help" in capsys.readouterr().err


def test_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"rankseg {__version__}\n"


def test_errors_of_a_command_name_commands(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["make-splits", "check", "--data-root", str(tmp_path / "none")])
    error = capsys.readouterr().err
    assert "`rankseg train CONFIG" in error or "`python -m rankseg train CONFIG" in error


def test_runs_as_a_module_from_any_folder(tmp_path):
    done = run("-m", "rankseg", "collect-results", str(tmp_path), folder=tmp_path)
    assert done.returncode == 2 and "work folders of python -m rankseg train" in done.stderr
    assert not done.stdout
