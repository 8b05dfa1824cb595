# SPDX-License-Identifier: Apache-2.0
"""The command line of the converter of stacks."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import tifffile

from rankseg.cli.lucchi import next_commands
from rankseg.testing.commands import parse_command, printed_commands

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parents[2] / "tools" / "dataset_converters" / "lucchi.py"
RNG = np.random.default_rng(0)


def run(*arguments) -> None:
    runpy.run_path(str(SCRIPT))["main"]([str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path) -> Path:
    """Stacks of 24 and 3 pages by the names of the Lucchi set."""
    for name, pages in (("training", 24), ("testing", 3)):
        image = RNG.integers(0, 256, (pages, 16, 20), dtype=np.uint8)
        truth = np.where(image > 200, 255, 0).astype(np.uint8)
        for file, stack in ((name, image), (f"{name}_groundtruth", truth)):
            tifffile.imwrite(tmp_path / f"{file}.tif", stack, photometric="minisblack")
    return tmp_path


def test_converts_the_lucchi_set(folder, capsys, monkeypatch):
    monkeypatch.setattr("rankseg.utils.progress.INTERVAL", 0)
    run(folder, "--out", folder / "set")
    output, shown = capsys.readouterr()
    for count in (5, 10, 20):
        lines = (folder / f"set/splits/even_{count}_seed0/labeled.txt").read_text().splitlines()
        assert len(lines) == count
    numbers = ", ".join(str(int(line.split()[0][-7:-4])) for line in lines)
    assert f"split even_20_seed0: labeled slices {numbers}" in output
    assert (
        "training.tif | 24 | 24 | 20x16 | uint8 | " in output and "validation: 3 slices" in output
    )
    assert "training.tif: 23 of 24, 0 s left" in shown
    assert "configs/rankmatch/lucchi_laptop_5.py" in output.splitlines()[-3]


def test_suggests_to_shrink_wide_objects(tmp_path, capsys):
    truth = np.zeros((6, 160, 160), np.uint8)
    truth[:, 40:112, 40:112] = 255
    tifffile.imwrite(tmp_path / "masks.tif", truth, photometric="minisblack")
    image = RNG.integers(0, 256, truth.shape, dtype=np.uint8)
    tifffile.imwrite(tmp_path / "images.tif", image, photometric="minisblack")
    own = ("--images", tmp_path / "images.tif", "--masks", tmp_path / "masks.tif", "--labelled", 2)
    run(*own, "--out", tmp_path / "whole")
    output = capsys.readouterr().out
    assert (
        "mitochondrion: about 81 pixels wide" in output and "convert with --shrink 2.5\n" in output
    )
    run(*own, "--out", tmp_path / "small", "--shrink", 2.5)
    output = capsys.readouterr().out
    assert "shrunk by a factor of 2.5, to 64x64\n" in output and "about 32 pixels wide" in output
    assert "convert with" not in output


def test_converts_own_stacks_and_reports_an_error(folder, capsys):
    own = ("--images", folder / "training.tif", "--masks", folder / "training_groundtruth.tif")
    run(*own, "--labelled-slices", 2, 9, 17, 24, "--val", 1, "--out", folder / "set")
    output = capsys.readouterr().out
    assert "split even_3_seed0: labeled slices" in output
    assert output.rstrip().endswith("--cfg-options train_dataloader.dataset.split=even_3_seed0")
    with pytest.raises(SystemExit, match="2"):
        run(*own, "--out", folder / "set")
    message = capsys.readouterr().err
    assert message.startswith("error: Expected output folder") and "--overwrite" in message
    assert message.count("\n") == 1
    for arguments in ((), own[:2], (folder, *own)):
        with pytest.raises(SystemExit, match="2"):
            run(*arguments, "--out", folder / "other")
        assert "Expected the folder of the Lucchi stacks, or both" in capsys.readouterr().err


def test_reads_colors_channels_and_empty_masks(tmp_path, capsys):
    image = RNG.integers(0, 256, (6, 2, 64, 80), dtype=np.uint8)
    marked = np.repeat(image[:, 0, ..., None], 3, -1)
    for page in (1, 2, 4):
        marked[page, 20:40, 10:60] = 0, 0, 255
    paths = [tmp_path / "images.tif", tmp_path / "masks.tif"]
    tifffile.imwrite(
        paths[0], image, imagej=True, photometric="minisblack", metadata={"axes": "ZCYX"}
    )
    tifffile.imwrite(paths[1], marked, photometric="rgb")
    own = ("--images", paths[0], "--masks", paths[1], "--channel", 1)
    run(*own, "--color", "blue", "--labelled", 2, "--out", tmp_path / "set")
    output = capsys.readouterr().out
    assert "images.tif | 6 | 3 | 80x64 |" in output and "used channel 1 of 2" in output
    assert "3 of 6 masks are empty (slices 1, 4, 6) and not used" in output
    color = ("--color", "#00f", "--labeled-slices", 1, 2, 3, 5)
    run(*own, *color, "--out", tmp_path / "named")
    assert "1 of 4 masks are empty (slices 1) and used as labels" in capsys.readouterr().out
    for wrong in ("mauve-ish", "white"):
        with pytest.raises(SystemExit, match="2"):
            run(*own, "--color", wrong, "--out", tmp_path / "other")
        assert "Expected --color to be a color" in capsys.readouterr().err


def test_next_commands_suit_the_machine_and_parse():
    notes = {"folder": "my data/cells", "labeled": {"even_4_seed0": []}}
    for has_gpu, first in ((False, "lucchi_laptop_5"), (True, "lucchi_small_5")):
        commands = printed_commands("\n".join(next_commands(notes, has_gpu)))
        (name, args), second = map(parse_command, commands)
        assert name == second[0] == "train" and Path(args.config).stem == first
        assert Path(args.config).is_file() or (ROOT / args.config).is_file()
        assert args.data_root == "my data/cells" and args.work_dir != second[1].work_dir
        assert args.cfg_options == {"train_dataloader.dataset.split": "even_4_seed0"}
