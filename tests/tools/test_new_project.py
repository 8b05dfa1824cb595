# SPDX-License-Identifier: Apache-2.0

import pytest

from rankseg.cli import new_project


@pytest.fixture
def tool():
    return new_project


def test_prints_a_user_error_in_one_line(tool, tmp_path, capsys):
    folder = str(tmp_path)
    with pytest.raises(SystemExit) as raised:
        tool.main(["--images", folder, "--masks", folder, "--out", str(tmp_path / "a.py")])
    error = capsys.readouterr().err
    assert raised.value.code == 2 and error.count("\n") == 1
    assert error.startswith(f"error: Expected folder {folder} to hold images")


def test_options_reach_the_function(tool, monkeypatch):
    given = {}
    monkeypatch.setattr(
        "rankseg.projects.new_project.new_project", lambda **options: given.update(options)
    )
    line = "--images i --masks m --out o.py --classes a b --above 3 --val 2 --labelled 5"
    tool.main(
        [
            *line.split(),
            "--unlabelled",
            "u",
            "--data-out",
            "d",
            "--colors",
            "c",
            "--seed",
            "1",
            "--color",
            "red",
            "--empty-masks",
            "unlabeled",
            "--encoder",
            "resnet18",
            "--weights",
            "w.pth",
            "--channels",
            "4",
            "2",
            "1",
        ]
    )
    assert given == dict(
        images="i",
        masks="m",
        out="o.py",
        classes=["a", "b"],
        above=3,
        val=2,
        labeled=5,
        seed=1,
        unlabeled="u",
        data_out="d",
        colors="c",
        color=(255, 0, 0),
        empty_masks="unlabeled",
        channels=[4, 2, 1],
        overwrite=False,
        encoder="resnet18",
        weights="w.pth",
    )


@pytest.mark.parametrize("spelling", ["labeled", "labelled"])
def test_accepts_old_spellings_colors_and_channels(tool, spelling, capsys):
    parse = tool.parse_args
    needed = ["--images", "a", "--masks", "b", "--out", "c.py"]
    args = parse([*needed, f"--{spelling}", "3", f"--un{spelling}", "more", "--channel", "2"])
    assert (args.labeled, args.unlabeled, args.channels) == (3, "more", [2])
    assert parse([*needed, "--color", "red"]).color == (255, 0, 0)
    with pytest.raises(SystemExit, match="2"):
        parse([*needed, "--color", "reddish"])
    assert "Expected --color to be a color such as red" in capsys.readouterr().err
