# SPDX-License-Identifier: Apache-2.0
"""Tools write into their output folder alone, whole or not at all, and replace nothing unasked."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.export.released_names import released_student, to_theirs
from rankseg.registry import MODELS
from rankseg.testing.broken import write_set
from rankseg.training.command_line import exit_on_user_error

TOOLS = Path(__file__).resolve().parents[2] / "tools"
PAIR, BARE = "images/{0}.png masks/{0}.png\n", "images/{0}.png\n"


def tool(name: str):
    spec = importlib.util.spec_from_file_location(Path(name).stem, TOOLS / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path) -> Path:
    return write_set(tmp_path / "set")


def there(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder with its content."""
    found = sorted(folder.rglob("*"))
    return {str(p): p.read_bytes() if p.is_file() else None for p in found}


def fails(folder: Path, arguments: list[str], capsys) -> str:
    """The sentence that make_splits.py ends with, having left everything as it was."""
    before = there(folder)
    with pytest.raises(SystemExit) as stop:
        tool("make_splits.py").main(list(map(str, arguments)))
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    assert there(folder) == before
    return error


def lists(folder: Path, labeled: str, unlabeled: str = BARE.format(3)) -> Path:
    folder.mkdir(parents=True)
    (folder / "labeled.txt").write_text(labeled)
    (folder / "unlabeled.txt").write_text(unlabeled)
    return folder


@pytest.mark.parametrize(
    "line",
    ["../secret.png masks/0.png\n", "images/0.png ../secret.png\n", "/etc/s.png masks/0.png\n"],
)
def test_lists_that_lead_out_are_not_imported(root, tmp_path, capsys, line):
    lists(tmp_path / "theirs/new", line)
    error = fails(tmp_path, ["import", tmp_path / "theirs", "--data-root", root], capsys)
    assert "names in list new/labeled.txt to be below the data root" in error


@pytest.mark.parametrize(
    "name", ["../../x", "/tmp/x", "a/b", "..", ".", ".hidden", "a\nb", "\x1b[2J"]
)
def test_names_of_splits_that_lead_elsewhere(root, tmp_path, capsys, name):
    arguments = ["draw", "--data-root", root, "--size", "2", "--name", name]
    assert "name of a split to be a single folder name" in fails(tmp_path, arguments, capsys)


def test_a_split_that_is_a_link_elsewhere(root, tmp_path, capsys):
    lists(tmp_path / "elsewhere", "precious\n")
    (root / "splits/new").symlink_to(tmp_path / "elsewhere")
    arguments = ["draw", "--data-root", root, "--size", "2", "--name", "new", "--force"]
    error = fails(tmp_path, arguments, capsys)
    assert "splits/new to be a folder" in error and "nothing is written outside" in error


def test_lists_that_exist_are_replaced_on_demand_alone(root, tmp_path, capsys):
    lists(tmp_path / "theirs/few", PAIR.format(0), BARE.format(4))
    arguments = ["import", tmp_path / "theirs", "--data-root", root]
    assert "already exists. Choose another name, or replace it with --force" in fails(
        tmp_path, arguments, capsys
    )
    tool("make_splits.py").main([*map(str, arguments), "--force"])
    assert (root / "splits/few/labeled.txt").read_text() == PAIR.format(0)


def test_a_disk_that_is_full_leaves_the_old_lists(root, tmp_path, monkeypatch, capsys):
    lists(tmp_path / "theirs/few", PAIR.format(0), BARE.format(4))
    before = there(root)

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    arguments = ["import", tmp_path / "theirs", "--data-root", root, "--force"]
    assert "No space left on device" in fails(root, arguments, capsys)
    assert there(root) == before


def convert(monkeypatch, *arguments: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["unimatch.py", *map(str, arguments)])
    tool("model_converters/unimatch.py").main()


@pytest.fixture
def released(tmp_path) -> Path:
    init_default_scope("rankseg")
    network = MODELS.build(released_student(50, num_classes=2, width=2))
    torch.save(to_theirs(network.state_dict()), tmp_path / "released.pth")
    return tmp_path / "released.pth"


def test_conversion_does_not_write_through_a_link(released, tmp_path, monkeypatch, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/ours.pth").symlink_to(tmp_path / "elsewhere.pth")  # which is not there
    with pytest.raises(SystemExit):
        convert(monkeypatch, released, tmp_path / "out/ours.pth")
    assert "exists. Remove it, or choose another name" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere.pth").exists()


def test_conversion_is_whole_or_not_there(released, tmp_path, monkeypatch, capsys):
    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(os, "replace", full)
        convert(patch, released, tmp_path / "out/ours.pth")
    assert "ours.pth could not be written (No space left on device)" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
    convert(monkeypatch, released, tmp_path / "out/ours.pth")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ours.pth"]


class Runs:
    """A checkpoint that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_conversion_runs_nothing(tmp_path, monkeypatch, capsys):
    torch.save({"model": Runs(tmp_path / "ran")}, tmp_path / "trap.pth")
    with pytest.raises(SystemExit):
        convert(monkeypatch, tmp_path / "trap.pth", tmp_path / "ours.pth")
    assert "trap.pth holds more than data" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists() and not (tmp_path / "ours.pth").exists()


@pytest.mark.parametrize("text", ["", '{"config": 1', "[]", "{}", "[" * 100_000])
def test_a_damaged_summary_is_named(tmp_path, capsys, text):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(SystemExit):
        tool("collect_results.py").main([str(tmp_path)])
    error = capsys.readouterr().err
    assert (
        error.startswith(f"error: Expected {tmp_path}/summary.json to be")
        and error.count("\n") == 1
    )


def test_generated_images_do_not_go_through_links(root, tmp_path, capsys):
    from mmengine.config import Config

    from rankseg.datasets.standin.masks import fill_missing

    (tmp_path / "photos").mkdir()
    (root / "more").symlink_to(tmp_path / "photos")
    (root / "splits/few/unlabeled.txt").write_text("more/a.png\n")
    semi = dict(split="few", dataset=dict(type="FolderDataset", data_root=str(root)))
    student = dict(decode_head=dict(num_classes=3))
    cfg = Config(dict(model=dict(student=student), train_dataloader=dict(dataset=semi)))
    with pytest.raises(SystemExit), exit_on_user_error():
        fill_missing(cfg)
    assert "nothing is written outside the data root" in capsys.readouterr().err
    assert not list((tmp_path / "photos").iterdir()) and not (root / "generated.txt").exists()
