# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.inference.prediction_folder import check_out, clear, note

MADE_BY = {"checkpoint": "a.pth", "flip": False}


@pytest.fixture
def source(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def test_a_new_or_empty_folder(source, tmp_path):
    check_out(tmp_path / "out/deep", source, MADE_BY)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    check_out(tmp_path / "out", source, MADE_BY, skip_existing=True)


@pytest.mark.parametrize("place", ["in", "in/out", "in/../in/x"])
def test_nothing_is_written_among_the_images(source, tmp_path, place):
    with pytest.raises(ValueError, match="lies in the input folder"):
        check_out(tmp_path / place, source, MADE_BY)


def test_a_link_into_the_input(source, tmp_path):
    (source / "x").mkdir()
    (tmp_path / "link").symlink_to(source / "x")
    with pytest.raises(ValueError, match="lies in the input folder"):
        check_out(tmp_path / "link", source, MADE_BY)


def test_a_folder_of_something_else_is_never_written_to(source, tmp_path):
    for options in ({}, dict(overwrite=True), dict(skip_existing=True)):
        with pytest.raises(ValueError, match="holds files that are no predictions .in.: name ano"):
            check_out(tmp_path, source, MADE_BY, **options)


def test_earlier_predictions(source, tmp_path):
    note(tmp_path / "out", MADE_BY)
    with pytest.raises(ValueError, match="--skip-existing goes on with them, --overwrite repl"):
        check_out(tmp_path / "out", source, MADE_BY)
    for options in (dict(overwrite=True), dict(skip_existing=True)):
        check_out(tmp_path / "out", source, MADE_BY, **options)
    other = {**MADE_BY, "flip": True}
    check_out(tmp_path / "out", source, other, overwrite=True)
    with pytest.raises(ValueError, match="were made with flip=False, this would be flip=True"):
        check_out(tmp_path / "out", source, other, skip_existing=True)
    with pytest.raises(ValueError, match="exclude each other"):
        check_out(tmp_path / "out", source, MADE_BY, overwrite=True, skip_existing=True)


def test_only_predictions_are_taken_away(tmp_path):
    note(tmp_path / "out", MADE_BY)
    for name in ("masks/a/b.png", "overlays/a.jpg", "mine.txt", "summary.csv"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).touch()
    (tmp_path / "far").mkdir()
    (tmp_path / "far/x.tif").touch()
    (tmp_path / "out/uncertainty").symlink_to(tmp_path / "far")
    clear(tmp_path / "out")
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["mine.txt", "prediction.json"] and (tmp_path / "far/x.tif").exists()


def test_an_input_among_the_predictions(tmp_path):
    note(tmp_path / "out", MADE_BY)
    (tmp_path / "out/masks").mkdir()
    with pytest.raises(ValueError, match="lies in the output folder"):
        check_out(tmp_path / "out", tmp_path / "out/masks", MADE_BY, overwrite=True)


def test_what_cannot_be_written_to(source, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="output folder .*file/x cannot .* is a file.*with --out"):
        check_out(tmp_path / "file/x", source, MADE_BY)
